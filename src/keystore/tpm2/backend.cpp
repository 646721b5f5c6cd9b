#include "keystore/tpm2/backend.h"

#include "crypto/random.h"
#include "keystore/file_backend.h"
#include "keystore/held_keys.h"
#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/keys.h"
#include "pki/private_key_file.h"

#include <mutex>
#include <optional>

#include <unistd.h>

namespace berth::keystore::tpm2 {

namespace {

constexpr size_t most_sealed_file = 16384;

error bad_name(const std::string& rest, const std::string& why) {
    return error{error_category::usage, "bad_key_uri", "\"tpm2:" + rest + "\" does not name a key: " + why + "."}.with(
        "uri", "tpm2:" + rest);
}

result<key_name> signing_name(const std::string& rest) {
    BERTH_TRY(name, parse_key_name(rest));
    if (!name.seed.empty()) {
        return fail(bad_name(rest, "a key that is no KEM key has no sealed seed"));
    }
    return name;
}

result<key_name> kem_name(const std::string& rest) {
    BERTH_TRY(name, parse_key_name(rest));
    if (name.seed.empty()) {
        return fail(bad_name(rest, "half of a KEM key is a sealed seed; add ;seed=FILE"));
    }
    return name;
}

result<sealed_file> read_seed(const std::string& path) {
    BERTH_TRY(octets, pki::read_file(path, most_sealed_file));
    auto sealed = sealed_file::from_pem(as_text(octets));
    if (!sealed) {
        return fail(std::move(sealed).error().during("reading " + path));
    }
    return sealed;
}

// A key that is its owner's: drawn anew, below the storage root, and lost with TPM2_Clear.
attestation::public_area owners_key(attestation::tpm_curve curve, uint32_t use) {
    using namespace attestation;
    public_area out;
    out.attributes = fixed_tpm | fixed_parent | sensitive_data_origin | user_with_auth | no_da | use;
    out.curve = curve;
    out.scheme = use == sign ? tpm_alg::ecdsa : tpm_alg::ecdh;
    out.scheme_hash = curve == tpm_curve::p256 ? tpm_alg::sha256 : tpm_alg::sha384;
    return out;
}

// One name for a place that is taken, whatever takes it.
template <class T>
result<T> or_exists(result<T> done) {
    if (!done && done.error().is("nv_exists")) {
        error e = std::move(done).error();
        e.name = "key_exists";
        e.category = error_category::usage;
        return fail(std::move(e));
    }
    return done;
}

// The templates that belong to handles: the keys there are the same whenever they are made, and outlive TPM2_Clear.
std::optional<attestation::public_area> template_for(uint32_t handle, uint32_t use) {
    const devid_layout at;
    if (handle == at.idevid && use == attestation::sign) {
        return idevid_template();
    }
    if (handle == at.kem && use == attestation::decrypt) {
        return kem_template();
    }
    return std::nullopt;
}

bool is_devid_handle(uint32_t handle) {
    const devid_layout at;
    return handle == at.idevid || handle == at.iak || handle == at.kem;
}

error place_of_another(uint32_t handle) {
    return error{error_category::usage, "tpm_unsupported",
                 handle_text(handle) +
                     " of a TPM is the place of another key (docs/tpm.md). Name another handle, such as 0x81000002."}
        .with("handle", handle_text(handle));
}

result<void> make_owners_key(const device_ptr& in, const attestation::public_area& as, uint32_t handle) {
    BERTH_TRY(root, open_storage_root(in));
    BERTH_TRY(wrapped, create_child(root.key, as));
    BERTH_TRY(loaded, load(root.key, wrapped));
    return or_exists(make_persistent(loaded, handle));
}

result<void> make_key_at(const device_ptr& in, attestation::tpm_curve curve, uint32_t use, uint32_t handle) {
    if (is_devid_handle(handle)) {
        const auto as = template_for(handle, use);
        if (!as || as->curve != curve) {
            return fail(place_of_another(handle));
        }
        BERTH_TRY(made, create_primary(in, hierarchy::endorsement, *as));
        return or_exists(make_persistent(made, handle));
    }
    return make_owners_key(in, owners_key(curve, use), handle);
}

// The storage root, endorsement keys and attestation keys are restricted: others stand on them.
result<void> check_removable(const device_ptr& in, uint32_t handle) {
    BERTH_TRY(there, open_persistent(in, handle));
    if (there.area().has(attestation::restricted) ||
        !(there.area().has(attestation::sign) || there.area().has(attestation::decrypt))) {
        return fail(error{error_category::usage, "key_restricted",
                          "What is at " + handle_text(handle) +
                              " of the TPM is no key of yours: it certifies or encrypts for others. It stays; who knows better "
                              "evicts it with the tools of the TPM."}
                        .with("handle", handle_text(handle)));
    }
    return {};
}

class opened_tpm final : public holder {
public:
    explicit opened_tpm(device_ptr in) : in_(std::move(in)) {}

    result<secret_bytes> random(size_t size) const override { return in_->random(size); }
    // A storage root that is persistent takes none of the TPM's few slots: it stays open, and is not asked who it is each time.
    // Whatever goes wrong with it is done again, and told, as if nothing had been kept: another one may be there by now.
    result<bytes> seal(const secret_bytes& secret) const override {
        const std::lock_guard guard(lock_);
        if (!root_) {
            BERTH_TRY(root, open_storage_root(in_));
            if (root.handle == 0) {
                BERTH_TRY(sealed, seal_below(root, secret, always{}));
                return sealed.encode();
            }
            root_.emplace(std::move(root));
        }
        if (auto sealed = seal_below(*root_, secret, always{})) {
            return sealed->encode();
        }
        root_.reset();
        BERTH_TRY(sealed, tpm2::seal(in_, secret, always{}));
        return sealed.encode();
    }
    result<secret_bytes> unseal(bytes_view octets) const override {
        auto sealed = sealed_secret::decode(octets);
        if (!sealed) {
            return fail(seal_invalid(std::move(sealed).error()));
        }
        const std::lock_guard guard(lock_);
        if (sealed->parent != 0 && !root_) {
            if (auto root = storage_root_at(in_, sealed->parent)) {
                root_.emplace(storage_root{std::move(*root), sealed->parent});
            }
        }
        if (root_ && root_->handle == sealed->parent) {
            if (auto opened = unseal_below(root_->key, *sealed, always{})) {
                return opened;
            }
            root_.reset();
        }
        auto opened = tpm2::unseal(in_, *sealed, always{});
        if (!opened && (opened.error().is("tpm_wrong_tpm") || opened.error().is("key_not_found"))) {
            return fail(seal_invalid(std::move(opened).error()));
        }
        return opened;
    }

private:
    device_ptr in_;
    mutable std::mutex lock_;
    mutable std::optional<storage_root> root_;
};

class tpm final : public backend {
public:
    const backend_abilities& able() const override {
        static const backend_abilities all{
            .name = "tpm2",
            .signing = {crypto::signature_algorithm::ecdsa_p256_sha256, crypto::signature_algorithm::ecdsa_p384_sha384},
            .kem = {crypto::kem_algorithm::mlkem768_p256, crypto::kem_algorithm::mlkem1024_p384},
            .agreement = {crypto::agreement_group::p256, crypto::agreement_group::p384},
            .remove = true,
            .random = true,
            .seal = true,
            .attest = true,
            .measured = true};
        return all;
    }

    result<signing_key_ptr> open_signing_key(const std::string& rest, const open_options&) const override {
        BERTH_TRY(name, signing_name(rest));
        BERTH_TRY(in, device::shared(name.tcti));
        return signing_key_at(in, name.handle);
    }

    result<kem_key_ptr> open_kem_key(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(name, kem_name(rest));
        BERTH_TRY(sealed, read_seed(options.path(name.seed)));
        BERTH_TRY(in, device::shared(name.tcti));
        return hybrid_key_at(in, name.handle, sealed);
    }

    result<agreement_key_ptr> open_agreement_key(const std::string& rest, const open_options&) const override {
        BERTH_TRY(name, signing_name(rest));
        BERTH_TRY(in, device::shared(name.tcti));
        return agreement_key_at(in, name.handle);
    }
    result<agreement_key_ptr> make_agreement_key(const std::string& rest, crypto::agreement_group group,
                                                 const open_options&) const override {
        BERTH_TRY(name, signing_name(rest));
        if (is_devid_handle(name.handle)) {
            return fail(place_of_another(name.handle));
        }
        BERTH_TRY(in, device::shared(name.tcti));
        const bool p256 = group == crypto::agreement_group::p256;
        attestation::public_area as =
            owners_key(p256 ? attestation::tpm_curve::p256 : attestation::tpm_curve::p384, attestation::decrypt);
        as.scheme = as.scheme_hash = attestation::tpm_alg::null;
        BERTH_CHECK(make_owners_key(in, as, name.handle));
        return agreement_key_at(in, name.handle);
    }

    result<signing_key_ptr> make_signing_key(const std::string& rest, crypto::signature_algorithm alg,
                                             const open_options&) const override {
        BERTH_TRY(name, signing_name(rest));
        BERTH_TRY(in, device::shared(name.tcti));
        const bool p256 = alg == crypto::signature_algorithm::ecdsa_p256_sha256;
        BERTH_CHECK(
            make_key_at(in, p256 ? attestation::tpm_curve::p256 : attestation::tpm_curve::p384, attestation::sign, name.handle));
        return signing_key_at(in, name.handle);
    }

    result<kem_key_ptr> make_kem_key(const std::string& rest, crypto::kem_algorithm alg,
                                     const open_options& options) const override {
        BERTH_TRY(name, kem_name(rest));
        const std::string path = options.path(name.seed);
        BERTH_CHECK(nothing_at(path));
        BERTH_TRY(in, device::shared(name.tcti));
        secret_bytes seed(hybrid_seed_size);
        crypto::system_random().fill(seed.writable());
        BERTH_TRY(sealed, tpm2::seal(in, seed, always{}));
        const bool p256 = alg == crypto::kem_algorithm::mlkem768_p256;
        BERTH_CHECK(make_key_at(in, p256 ? attestation::tpm_curve::p256 : attestation::tpm_curve::p384, attestation::decrypt,
                                name.handle));
        const sealed_file file{std::move(sealed), always{}};
        if (auto kept = pki::write_file_atomically(path, as_bytes(file.to_pem()), 0600); !kept) {
            static_cast<void>(evict(in, name.handle));  // half a key is none
            return fail(std::move(kept).error());
        }
        return hybrid_key_at(in, name.handle, file);
    }

    result<void> remove(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(name, parse_key_name(rest));
        BERTH_TRY(in, device::shared(name.tcti));
        BERTH_CHECK(check_removable(in, name.handle));
        const std::string seed = name.seed.empty() ? std::string() : options.path(name.seed);
        if (!seed.empty()) {
            // A name with a slip in it costs nobody another file, nor the key.
            BERTH_CHECK(read_seed(seed));
        }
        BERTH_CHECK(evict(in, name.handle));
        if (!seed.empty()) {
            ::unlink(seed.c_str());  // of no use to anybody without the key
        }
        return {};
    }

    // Sealed below the storage root: the handle plays no part.
    result<holder_ptr> open_holder(const std::string& rest, const open_options&) const override {
        BERTH_TRY(name, parse_key_name(rest));
        BERTH_TRY(in, device::shared(name.tcti));
        return std::make_shared<opened_tpm>(std::move(in));
    }

    // By the IAK, which is the same key whether a factory has given it a handle or not.
    result<key_attestation> attest(const std::string& rest, bytes_view nonce, const open_options&) const override {
        BERTH_TRY(name, parse_key_name(rest));
        BERTH_TRY(in, device::shared(name.tcti));
        BERTH_TRY(key, open_persistent(in, name.handle));
        BERTH_TRY(iak, create_primary(in, hierarchy::endorsement, iak_template()));
        BERTH_TRY(statement, certify(key, iak, nonce));
        return key_attestation{std::move(statement), key.area(), iak.area()};
    }

    // In a TPM as a whole: the handle plays no part.
    result<attestation::pcr_values> registers(const std::string& rest, const std::vector<uint8_t>& which,
                                              const open_options&) const override {
        BERTH_TRY(name, parse_key_name(rest));
        BERTH_TRY(in, device::shared(name.tcti));
        return read_registers(in, {attestation::tpm_alg::sha256, which});
    }
    result<platform_statement> quote(const std::string& rest, bytes_view nonce, const std::vector<uint8_t>& registers,
                                     const open_options&) const override {
        BERTH_TRY(name, parse_key_name(rest));
        BERTH_TRY(in, device::shared(name.tcti));
        BERTH_TRY(iak, create_primary(in, hierarchy::endorsement, iak_template()));
        const attestation::pcr_selection selection{attestation::tpm_alg::sha256, registers};
        BERTH_TRY(said, quote_with_values(iak, nonce, selection));
        return platform_statement{std::move(said.first), std::move(said.second), iak.area()};
    }
};

}  // namespace

const backend& tpm2_backend() {
    static const tpm one;
    return one;
}

}  // namespace berth::keystore::tpm2
