#include "setup/device_recovery.h"

#include "common/files.h"
#include "factory/recovery.h"
#include "factory/tpm_unit.h"
#include "keystore/held_keys.h"
#include "keystore/operations.h"
#include "keystore/tpm2/nv.h"
#include "pki/private_key_file.h"

namespace berth::app {

namespace fs = std::filesystem;

namespace {

using namespace keystore::tpm2;

constexpr const char* request_file = "request";
constexpr const char* seed_file = "p3.seed";
constexpr const char* granted_file = "z3.pem";
constexpr const char* attestation_file = "z3-iak.pem";
constexpr size_t most_sealed_file = 16384;

// What says that a key is not there any more, rather than that it cannot be asked now.
constexpr std::array gone{"key_not_found", "tpm_wrong_tpm", "file_not_found", "key_restricted", "tpm_unsupported"};

bool says_gone(const error& e) {
    return std::ranges::any_of(gone, [&e](const char* name) { return e.is(name); });
}

// Nothing: the bundle names no key of a TPM there.
result<std::optional<key_name>> tpm_key_of(const fs::path& file) {
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return std::nullopt;
    }
    BERTH_TRY(text, read_text(file));
    BERTH_TRY(uri, keystore::parse_key_uri(text));
    if (uri.kind != keystore::key_store_kind::tpm2) {
        return std::nullopt;
    }
    BERTH_TRY(name, parse_key_name(uri.rest));
    return std::optional(std::move(name));
}

// Whether the key of a certificate is not where it was: nothing is there, or something else.
result<bool> key_gone(const fs::path& uri_file, const fs::path& certificate, const keystore::open_options& how) {
    BERTH_TRY(text, read_text(uri_file));
    BERTH_TRY(leaf, read_certificate(certificate));
    const auto judge = [&leaf](const auto& key) -> result<bool> {
        if (!key) {
            return says_gone(key.error()) ? result<bool>(true) : fail(key.error());
        }
        return !same_octets((*key)->public_key().spki(), leaf.spki());
    };
    return leaf.is_kem() ? judge(keystore::open_kem_key(text, how)) : judge(keystore::open_signing_key(text, how));
}

std::vector<fs::path> uri_files(const fs::path& directory) {
    std::vector<fs::path> out;
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(directory, ec)) {
        if (entry.path().extension() == ".uri") {
            out.push_back(entry.path());
        }
    }
    std::ranges::sort(out);
    return out;
}

result<void> remove_path(const fs::path& path) {
    std::error_code ec;
    fs::remove_all(path, ec);
    return ec ? cannot("remove", path, ec) : result<void>{};
}

result<sealed_file> read_seed(const fs::path& file) {
    BERTH_TRY(octets, pki::read_file(file.string(), most_sealed_file));
    return sealed_file::from_pem(as_text(octets));
}

}  // namespace

result<device_recovery> device_recovery::open(const fs::path& given, const fs::path& passphrase_file) {
    BERTH_TRY(begun, begin_bundle(given, passphrase_file));
    device_recovery out;
    out.bundle_ = std::move(begun.bundle);
    device_bundle& bundle = out.bundle_;
    const fs::path& directory = bundle.directory;
    BERTH_TRY(p3, tpm_key_of(directory / "p3.uri"));
    BERTH_TRY(p3_sig, tpm_key_of(directory / "p3-sig.uri"));
    if (!p3 || !p3_sig) {
        return fail(
            error{error_category::usage, "not_in_tpm",
                  fmt::format("the keys of {} are in no TPM, and TPM2_Clear takes nothing from it: this is for devices that "
                              "were made with --backend tpm2",
                              bundle.identity.serial)}
                .with("serial", bundle.identity.serial));
    }
    if (p3->seed.empty() || p3->tcti != p3_sig->tcti) {
        return fail(
            error_category::usage, "bad_bundle",
            fmt::format("the bundle {}: p3.uri and p3-sig.uri must be of one TPM, and p3.uri name its sealed half (seed=)",
                        directory.string()));
    }
    BERTH_TRY(z3, read_chain(directory / "z3.pem"));
    BERTH_TRY(z3_sig, read_chain(directory / "z3-sig.pem"));
    for (const auto& leaf : {z3.front(), z3_sig.front()}) {
        if (leaf.device_serial().value_or("") != bundle.identity.serial) {
            return fail(
                error_category::usage, "bad_bundle",
                fmt::format("the bundle {}: the serial in device.toml is not that of its certificates", directory.string()));
        }
    }
    BERTH_TRY(tpm, device::shared(p3->tcti));
    out.root_ = std::move(begun.root);
    bundle.z3 = std::move(z3);
    out.z3_sig_ = std::move(z3_sig);
    out.p3_ = std::move(*p3);
    out.p3_sig_ = std::move(*p3_sig);
    out.tpm_ = std::move(tpm);
    return out;
}

// The template makes the same key as long as the TPM and its endorsement seed are the same; the certificate in NV tells which of
// the two has changed.
result<bool> device_recovery::check_identity() const {
    const std::string& serial = bundle_.identity.serial;
    BERTH_TRY(made, create_primary(tpm_, hierarchy::endorsement, idevid_template()));
    BERTH_TRY(spki, made.area().spki());
    const bool same_key = same_octets(spki, z3_sig_.front().spki());
    const std::string index = handle_text(p3_sig_.at.idevid_certificate);
    auto der = keystore::tpm2::read_certificate(tpm_, p3_sig_.at.idevid_certificate);
    if (!der && !der.error().is("nv_not_found")) {
        return fail(std::move(der).error());
    }
    bool same_certificate = false;
    std::string subject;
    if (der) {
        BERTH_TRY(kept, pki::certificate::parse(*der));
        same_certificate = same_octets(kept.spki(), z3_sig_.front().spki()) && kept.device_serial().value_or("") == serial;
        subject = kept.subject();
    }
    if (!same_key && same_certificate) {
        return fail(
            error{error_category::environment, "endorsement_seed_changed",
                  fmt::format("this is the TPM of device {}, as its NV index {} says, but it makes other keys now: somebody "
                              "has changed its endorsement seed (TPM2_ChangeEPS), and with it all that its maker and yours "
                              "have certified. The device is lost: revoke it (berth factory revoke {}), and make another "
                              "in another TPM",
                              serial, index, serial)}
                .with("serial", serial));
    }
    if (!same_key) {
        return fail(error{
            error_category::environment, "tpm_wrong_tpm",
            fmt::format("this TPM does not make the IDevID key of {}{}: it is another one. Look whether p3.uri and "
                        "p3-sig.uri (tcti=), or BERTH_TPM2_TCTI, name the device's own",
                        serial, subject.empty() ? std::string() : fmt::format(", and holds the certificate of {}", subject))}
                        .with("serial", serial));
    }
    if (der && !same_certificate) {
        return fail(
            error{error_category::environment, "nv_other_device",
                  fmt::format("the TPM makes the keys of {}, but its NV index {} holds another certificate ({}): who has the "
                              "platform's authorization has replaced it. Find out who, and why, before this device is used "
                              "again",
                              serial, index, subject)}
                .with("serial", serial)
                .with("subject", subject));
    }
    return der.has_value();
}

result<bool> device_recovery::kem_works() const {
    const auto sealed = read_seed(bundle_.directory / p3_.seed);
    if (!sealed && sealed.error().is("file_error")) {
        return fail(sealed.error());
    }
    if (!sealed) {
        return false;
    }
    const auto key = hybrid_key_at(tpm_, p3_.handle, *sealed);
    if (!key) {
        return says_gone(key.error()) ? result<bool>(false) : fail(key.error());
    }
    return same_octets((*key)->public_key().spki(), bundle_.z3.front().spki());
}

result<recovery_state> device_recovery::restore() {
    recovery_state out;
    BERTH_TRY(in_nv, check_identity());
    out.nv_certificate = in_nv;
    BERTH_TRY(before, persistent_handles(tpm_));
    for (const auto& [handle, as] : {std::pair(p3_sig_.handle, idevid_template()), std::pair(p3_sig_.at.iak, iak_template()),
                                     std::pair(p3_.handle, kem_template())}) {
        BERTH_CHECK(establish(tpm_, as, handle));
        if (std::ranges::find(before, handle) == before.end()) {
            out.restored.push_back(handle_text(handle));
        }
    }
    BERTH_TRY(granted, is_there(directory() / granted_file));
    if (granted) {
        BERTH_CHECK(put_in_place());
    }
    BERTH_TRY(works, kem_works());
    if (!works) {
        out.kem_lost = true;
        out.lost.emplace_back(p3_.seed);
    }
    BERTH_CHECK(drop_lost(out));
    return out;
}

result<void> device_recovery::drop_lost(recovery_state& state) {
    const fs::path& bundle = bundle_.directory;
    const keystore::open_options how{bundle.string(), bundle_.passphrase};
    const fs::path installed = bundle / "installed";
    std::vector<fs::path> left;
    bool some = false;
    for (const auto& file : uri_files(installed)) {
        BERTH_TRY(is_gone, key_gone(file, fs::path(file).replace_extension(".pem"), how));
        if (is_gone) {
            state.lost.push_back("installed/" + file.stem().string());
            some = true;
        } else {
            left.push_back(file);
        }
    }
    if (some) {
        // The others of the same onboarding are made anew with the next one. What is gone is not deleted by its name: another's
        // key may be there by now.
        for (const auto& file : left) {
            BERTH_TRY(text, read_text(file));
            BERTH_CHECK(keystore::remove_key(text, how));
        }
        BERTH_CHECK(remove_path(installed));
    }
    if (state.kem_lost) {
        BERTH_CHECK(remove_path(bundle / "pending"));
    }
    return drop_lost_ldevid(state);
}

result<void> device_recovery::drop_lost_ldevid(recovery_state& state) {
    const fs::path& bundle = bundle_.directory;
    const keystore::open_options how{bundle.string(), bundle_.passphrase};
    const fs::path pending = bundle / "ldevid.pending";
    for (const auto& file : uri_files(pending)) {
        BERTH_TRY(text, read_text(file));
        const auto key = keystore::open_signing_key(text, how);
        if (!key && says_gone(key.error())) {
            BERTH_CHECK(remove_path(pending));
        }
    }
    BERTH_TRY(there, is_there(bundle / "ldevid.uri"));
    if (there) {
        BERTH_TRY(is_gone, key_gone(bundle / "ldevid.uri", bundle / "ldevid.pem", how));
        if (is_gone) {
            state.lost.emplace_back("ldevid");
            BERTH_CHECK(remove_path(bundle / "ldevid.pem"));
            BERTH_CHECK(remove_path(bundle / "ldevid.uri"));
        }
    }
    return {};
}

result<sealed_file> device_recovery::pending_seed() const {
    BERTH_TRY(there, is_there(directory() / request_file));
    if (!there) {
        return fail(error_category::usage, "no_recovery",
                    fmt::format("nothing was asked for {} from here: berth device recover without --reply comes first",
                                bundle_.identity.serial));
    }
    return read_seed(directory() / seed_file);
}

// Sealed as the former one was: always, for the boot state as it is, or for whatever its approver approves of.
result<sealed_file> device_recovery::new_seed(random_source& random) const {
    sealed_file out{{}, always{}};
    if (auto former = read_seed(bundle_.directory / p3_.seed)) {
        out.condition = std::move(former->condition);
        out.further = std::move(former->further);
    }
    secret_bytes seed(keystore::hybrid_seed_size);
    random.fill(seed.writable());
    BERTH_TRY(sealed, seal(tpm_, seed, out.condition));
    out.seed = std::move(sealed);
    return out;
}

result<std::unique_ptr<factory::tpm_unit>> device_recovery::unit_with(sealed_file seed, random_source& random) const {
    factory::tpm_unit_settings settings;
    settings.at = p3_sig_.at;
    settings.at.kem = p3_.handle;
    settings.at.idevid = p3_sig_.handle;
    return factory::tpm_unit::make(tpm_, {bundle_.identity.serial, bundle_.model}, settings, random, std::move(seed));
}

result<bytes> device_recovery::request(random_source& random) {
    if (const auto seed = pending_seed(); seed && hybrid_key_at(tpm_, p3_.handle, *seed)) {
        return pki::read_file((directory() / request_file).string(), most_file_octets);
    }
    BERTH_CHECK(remove_path(directory()));
    BERTH_CHECK(make_directory(directory(), 0700));
    BERTH_TRY(seed, new_seed(random));
    BERTH_TRY(unit, unit_with(std::move(seed), random));
    BERTH_TRY(octets, factory::ask_recovery(*unit, z3_sig_, bundle_.z3.front()));
    BERTH_CHECK(pki::write_file_atomically((directory() / seed_file).string(), as_bytes(unit->sealed().to_pem()), 0600));
    BERTH_CHECK(pki::write_file_atomically((directory() / request_file).string(), octets, 0644));
    return octets;
}

result<std::unique_ptr<factory::tpm_unit>> device_recovery::unit_that_asked(random_source& random) const {
    BERTH_TRY(seed, pending_seed());
    BERTH_TRY(octets, pki::read_file((directory() / request_file).string(), most_file_octets));
    BERTH_TRY(asked, wire::decode<factory::recovery_request>(octets));
    BERTH_TRY(unit, unit_with(std::move(seed), random));
    BERTH_CHECK(unit->resume(asked.claim.request.view()));
    return unit;
}

result<bytes> device_recovery::answer(bytes_view challenge, random_source& random) {
    BERTH_TRY(unit, unit_that_asked(random));
    return unit->answer(challenge);
}

result<void> device_recovery::accept(bytes_view grant, random_source& random) {
    BERTH_TRY(unit, unit_that_asked(random));
    BERTH_TRY(granted, unit->accept(grant));
    BERTH_CHECK(pki::check_idevid_kem(granted.kem.front()));
    BERTH_TRY(maker, pki::trust_store::from_root(*root_));
    // Signatures and purposes alone, as where a bundle is opened: the device's clock may be anywhere.
    pki::verify_options options;
    options.time = pki::validity_instants::between(0, pki::no_expiry);
    options.leaf = pki::leaf_rule::kem;
    options.revocation = pki::crl_policy::none;
    BERTH_CHECK(pki::verify_chain(maker, granted.kem, options));
    if (!granted.attestation.empty()) {
        options.leaf = pki::leaf_rule::signature;
        BERTH_CHECK(pki::verify_chain(maker, granted.attestation, options));
        BERTH_CHECK(write_text(directory() / attestation_file, pki::to_pem(granted.attestation)));
    }
    // Once this is there, the rest is done whatever happens.
    BERTH_CHECK(write_text(directory() / granted_file, pki::to_pem(granted.kem)));
    return put_in_place();
}

result<void> device_recovery::put_in_place() {
    BERTH_TRY(seed, read_text(directory() / seed_file));
    BERTH_TRY(z3, read_text(directory() / granted_file));
    BERTH_TRY(attests, is_there(directory() / attestation_file));
    if (attests) {
        BERTH_TRY(text, read_text(directory() / attestation_file));
        BERTH_CHECK(write_text(bundle_.directory / attestation_file, text));
    }
    BERTH_CHECK(write_text(bundle_.directory / p3_.seed, seed, 0600));
    BERTH_CHECK(write_text(bundle_.directory / "z3.pem", z3));
    BERTH_TRY(chain, read_chain(bundle_.directory / "z3.pem"));
    bundle_.z3 = std::move(chain);
    return remove_path(directory());
}

}  // namespace berth::app
