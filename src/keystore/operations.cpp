#include "keystore/operations.h"

#include "keystore/file_backend.h"
#include "keystore/pkcs11/backend.h"
#include "keystore/sealed/backend.h"
#include "keystore/stsafe/backend.h"
#include "keystore/tpm2/backend.h"

#include <algorithm>
#include <functional>

namespace berth::keystore {

namespace {

// The back end that a name is for, if it declares what is asked.
struct asked {
    const backend& of;
    std::string rest;
};

template <class Declared>
result<asked> ask(std::string_view uri, Declared declared, const std::string& what) {
    BERTH_TRY(parsed, parse_key_uri(uri));
    const backend& of = backend_of(parsed.kind);
    if (!declared(of.able())) {
        return fail(unsupported(of.able(), what));
    }
    return asked{of, parsed.rest};
}

result<void> check_size(const secret_bytes& secret) {
    if (secret.size() > most_sealed) {
        return fail(error_category::usage, "too_large",
                    "What is to be sealed has " + std::to_string(secret.size()) + " octets, and at most " +
                        std::to_string(most_sealed) + " can be; seal the key that encrypts it.");
    }
    return {};
}

// Does what its back end declares.
class declared_holder final : public holder {
public:
    declared_holder(const backend_abilities& able, holder_ptr opened) : able_(able), opened_(std::move(opened)) {}
    result<secret_bytes> random(size_t size) const override {
        return able_.random ? opened_->random(size) : fail(unsupported(able_, "giving random octets"));
    }
    result<bytes> seal(const secret_bytes& secret) const override {
        if (!able_.seal) {
            return fail(unsupported(able_, "sealing"));
        }
        BERTH_CHECK(check_size(secret));
        return opened_->seal(secret);
    }
    result<secret_bytes> unseal(bytes_view sealed) const override {
        return able_.seal ? opened_->unseal(sealed) : fail(unsupported(able_, "unsealing"));
    }

private:
    const backend_abilities& able_;
    holder_ptr opened_;
};

template <class List, class Item>
bool holds(const List& list, Item item) {
    return std::find(list.begin(), list.end(), item) != list.end();
}

template <class List>
std::string named(const List& algorithms, const char* what) {
    std::string out;
    for (const auto each : algorithms) {
        out += (out.empty() ? "" : ", ") + std::string(name_of(each));
    }
    return out.empty() ? out : std::string("makes ") + what + " keys (" + out + ")";
}

}  // namespace

const backend& backend_of(key_store_kind kind) {
    switch (kind) {
    case key_store_kind::tpm2: return tpm2::tpm2_backend();
    case key_store_kind::stsafe: return stsafe::stsafe_backend();
    case key_store_kind::pkcs11: return pkcs11::pkcs11_backend();
    case key_store_kind::sealed: return sealed::sealed_backend();
    case key_store_kind::file: break;
    }
    return file_backend();
}

error unsupported(const backend_abilities& able, const std::string& what) {
    std::string does;
    const auto add = [&does](const std::string& more) {
        if (!more.empty()) {
            does += (does.empty() ? "" : ", ") + more;
        }
    };
    add(named(able.signing, "signing"));
    add(named(able.kem, "KEM"));
    add(named(able.agreement, "agreement"));
    add(able.remove ? "deletes keys" : "");
    add(able.random ? "gives random octets" : "");
    add(able.seal ? "seals" : "");
    add(able.attest ? "attests keys" : "");
    add(able.measured ? "quotes platform registers" : "");
    return error{error_category::usage, "operation_unsupported",
                 "The key back end " + able.name + " cannot do this: " + what + ". It " + does + "."}
        .with("backend", able.name)
        .with("operation", what);
}

error seal_invalid(error cause) {
    error out{error_category::usage, "seal_invalid",
              "This was not sealed by who is asked to open it, or has been changed since. " + cause.message,
              std::move(cause.params)};
    return std::move(out).with("cause", std::move(cause.name));
}

result<signing_key_ptr> backend::make_signing_key(const std::string&, crypto::signature_algorithm alg,
                                                  const open_options&) const {
    return fail(unsupported(able(), "making a key of " + std::string(name_of(alg))));
}
result<kem_key_ptr> backend::make_kem_key(const std::string&, crypto::kem_algorithm alg, const open_options&) const {
    return fail(unsupported(able(), "making a key of " + std::string(name_of(alg))));
}
result<agreement_key_ptr> backend::make_agreement_key(const std::string&, crypto::agreement_group group,
                                                      const open_options&) const {
    return fail(unsupported(able(), "making a key of " + std::string(name_of(group))));
}
result<agreement_key_ptr> backend::open_agreement_key(const std::string&, const open_options&) const {
    return fail(unsupported(able(), "agreeing on keys"));
}
result<void> backend::remove(const std::string&, const open_options&) const {
    return fail(unsupported(able(), "deleting a key"));
}
result<std::string> backend::certified(const std::string&, const open_options&) const {
    return std::string();
}
result<bytes> holder::seal(const secret_bytes&) const {
    return fail(error_category::usage, "operation_unsupported", "Who keeps this key does not seal.");
}
result<secret_bytes> holder::unseal(bytes_view) const {
    return fail(error_category::usage, "operation_unsupported", "Who keeps this key does not seal.");
}
result<key_attestation> backend::attest(const std::string&, bytes_view, const open_options&) const {
    return fail(unsupported(able(), "attesting a key"));
}

result<platform_statement> backend::quote(const std::string&, bytes_view, const std::vector<uint8_t>&,
                                          const open_options&) const {
    return fail(unsupported(able(), "quoting platform registers"));
}
result<attestation::pcr_values> backend::registers(const std::string&, const std::vector<uint8_t>&, const open_options&) const {
    return fail(unsupported(able(), "reading platform registers"));
}

result<backend_abilities> abilities_of(std::string_view uri) {
    BERTH_TRY(parsed, parse_key_uri(uri));
    return backend_of(parsed.kind).able();
}

result<signing_key_ptr> make_signing_key(std::string_view uri, crypto::signature_algorithm alg, const open_options& options) {
    const auto declared = [alg](const backend_abilities& able) { return holds(able.signing, alg); };
    BERTH_TRY(to, ask(uri, declared, "making a key of " + std::string(name_of(alg))));
    return to.of.make_signing_key(to.rest, alg, options);
}

result<kem_key_ptr> make_kem_key(std::string_view uri, crypto::kem_algorithm alg, const open_options& options) {
    const auto declared = [alg](const backend_abilities& able) { return holds(able.kem, alg); };
    BERTH_TRY(to, ask(uri, declared, "making a key of " + std::string(name_of(alg))));
    return to.of.make_kem_key(to.rest, alg, options);
}

result<agreement_key_ptr> make_agreement_key(std::string_view uri, crypto::agreement_group group, const open_options& options) {
    const auto declared = [group](const backend_abilities& able) { return holds(able.agreement, group); };
    BERTH_TRY(to, ask(uri, declared, "making a key of " + std::string(name_of(group))));
    return to.of.make_agreement_key(to.rest, group, options);
}

result<agreement_key_ptr> open_agreement_key(std::string_view uri, const open_options& options) {
    BERTH_TRY(to, ask(uri, [](const backend_abilities& able) { return !able.agreement.empty(); }, "agreeing on keys"));
    return to.of.open_agreement_key(to.rest, options);
}

result<void> remove_key(std::string_view uri, const open_options& options) {
    BERTH_TRY(to, ask(uri, std::mem_fn(&backend_abilities::remove), "deleting a key"));
    return to.of.remove(to.rest, options);
}

result<std::string> certified_subject(std::string_view uri, const open_options& options) {
    BERTH_TRY(parsed, parse_key_uri(uri));
    return backend_of(parsed.kind).certified(parsed.rest, options);
}

std::string without_file(std::string_view uri) {
    constexpr std::string_view of_a_tpm = "tpm2:";
    constexpr std::string_view file = ";seed=";
    std::string out(uri);
    if (uri.starts_with(of_a_tpm)) {
        for (size_t at = out.find(file); at != std::string::npos; at = out.find(file, at)) {
            out.erase(at, out.find(';', at + 1) - at);
        }
    }
    return out;
}

result<holder_ptr> open_holder(std::string_view uri, const open_options& options) {
    BERTH_TRY(parsed, parse_key_uri(uri));
    const backend& of = backend_of(parsed.kind);
    BERTH_TRY(opened, of.open_holder(parsed.rest, options));
    return std::make_shared<const declared_holder>(of.able(), std::move(opened));
}

result<secret_bytes> random_octets(std::string_view uri, size_t size, const open_options& options) {
    BERTH_TRY(to, ask(uri, std::mem_fn(&backend_abilities::random), "giving random octets"));
    BERTH_TRY(in, to.of.open_holder(to.rest, options));
    return in->random(size);
}

result<bytes> seal(std::string_view uri, const secret_bytes& secret, const open_options& options) {
    BERTH_TRY(to, ask(uri, std::mem_fn(&backend_abilities::seal), "sealing"));
    BERTH_CHECK(check_size(secret));
    BERTH_TRY(in, to.of.open_holder(to.rest, options));
    return in->seal(secret);
}

result<secret_bytes> unseal(std::string_view uri, bytes_view sealed, const open_options& options) {
    BERTH_TRY(to, ask(uri, std::mem_fn(&backend_abilities::seal), "unsealing"));
    BERTH_TRY(in, to.of.open_holder(to.rest, options));
    return in->unseal(sealed);
}

result<key_attestation> attest(std::string_view uri, bytes_view nonce, const open_options& options) {
    BERTH_TRY(to, ask(uri, std::mem_fn(&backend_abilities::attest), "attesting a key"));
    return to.of.attest(to.rest, nonce, options);
}

namespace {

// As a selection has them: ascending, none twice.
std::vector<uint8_t> in_order(std::vector<uint8_t> registers) {
    std::ranges::sort(registers);
    registers.erase(std::unique(registers.begin(), registers.end()), registers.end());
    return registers;
}

}  // namespace

result<attestation::pcr_values> platform_registers(std::string_view uri, std::vector<uint8_t> which,
                                                   const open_options& options) {
    BERTH_TRY(to, ask(uri, std::mem_fn(&backend_abilities::measured), "reading platform registers"));
    return to.of.registers(to.rest, in_order(std::move(which)), options);
}

result<platform_statement> quote(std::string_view uri, bytes_view nonce, std::vector<uint8_t> registers,
                                 const open_options& options) {
    BERTH_TRY(to, ask(uri, std::mem_fn(&backend_abilities::measured), "quoting platform registers"));
    return to.of.quote(to.rest, nonce, in_order(std::move(registers)), options);
}

}  // namespace berth::keystore
