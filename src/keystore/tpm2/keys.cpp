#include "keystore/tpm2/keys.h"

#include "crypto/curve_openssl.h"
#include "crypto/external_key.h"
#include "crypto/hash.h"
#include "crypto/ml_kem_openssl.h"
#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/key_operations.h"

#include <charconv>

namespace berth::keystore::tpm2 {

namespace {

constexpr auto hybrid = crypto::kem_algorithm::mlkem768_p256;
constexpr const char* ml_kem_name = "ML-KEM-768";

// The contract of keystore/key.h has one name for whatever befalls a chip; its own name is the parameter `cause`.
error keystore_failed(error e) {
    error out{error_category::environment, "keystore_failed", std::move(e.message), std::move(e.params)};
    return std::move(out).with("cause", std::move(e.name));
}

error bad_encapsulation(std::string_view why) {
    return error{error_category::peer, "bad_encapsulation",
                 "An encapsulation to a mlkem768_p256 key is not valid: " + std::string(why) + "."}
        .with("algorithm", std::string(crypto::name_of(hybrid)));
}

error not_of_use(uint32_t handle, std::string_view for_what) {
    return error{error_category::usage, "tpm_unsupported",
                 "The key " + handle_text(handle) + " of the TPM is not one for " + std::string(for_what) + "."}
        .with("handle", handle_text(handle));
}

capabilities in_tpm(bool post_quantum) {
    return {.exportable = false, .hardware = true, .post_quantum = post_quantum, .concurrent = false, .backend = "tpm2"};
}

class chip_signer final : public crypto::external_signer {
public:
    explicit chip_signer(object key) : key_(std::move(key)) {}
    result<bytes> sign_digest(bytes_view digest) const override { return tpm2::sign_digest(key_, digest); }

private:
    object key_;
};

class signer final : public signing_key {
public:
    signer(crypto::signing_key through, std::shared_ptr<const chip_signer> holder)
        : through_(std::move(through)), holder_(std::move(holder)) {}
    crypto::signature_algorithm algorithm() const override { return through_.algorithm(); }
    const crypto::verification_key& public_key() const override { return through_.public_key(); }
    result<bytes> sign(bytes_view message) const override {
        const auto hash = algorithm() == crypto::signature_algorithm::ecdsa_p256_sha256 ? crypto::hash_algorithm::sha256
                                                                                        : crypto::hash_algorithm::sha384;
        auto made = holder_->sign_digest(crypto::hash(hash, message).view());
        if (!made) {
            return fail(keystore_failed(std::move(made).error()));
        }
        return made;
    }
    const crypto::signing_key& as_signing_key() const override { return through_; }
    const capabilities& able() const override { return able_; }

private:
    crypto::signing_key through_;
    std::shared_ptr<const chip_signer> holder_;
    capabilities able_ = in_tpm(false);
};

class hybrid_kem final : public kem_key {
public:
    hybrid_kem(object chip_half, crypto::evp_pkey_ptr ml_kem, crypto::kem_public_key pub)
        : chip_half_(std::move(chip_half)), ml_kem_(std::move(ml_kem)), pub_(std::move(pub)) {}
    crypto::kem_algorithm algorithm() const override { return hybrid; }
    const crypto::kem_public_key& public_key() const override { return pub_; }
    const capabilities& able() const override { return able_; }

    result<secret_bytes> decapsulate(bytes_view enc) const override {
        const crypto::kem_sizes sizes = crypto::sizes_of(hybrid);
        if (enc.size() != sizes.encapsulation) {
            return fail(bad_encapsulation("it has " + std::to_string(enc.size()) + " octets instead of " +
                                          std::to_string(sizes.encapsulation)));
        }
        // Profile section 1: "A recipient MUST check that the point is on the curve and not infinity." The chip would, too,
        // but whose fault it is should not depend on how it says so.
        const bytes_view ephemeral = enc.subspan(sizes.ml_kem_encapsulation);
        if (!crypto::curve::p256().point_from(ephemeral)) {
            return fail(bad_encapsulation("its second part is not an uncompressed point of the curve"));
        }
        auto x = ecdh(chip_half_, ephemeral);
        if (!x) {
            return fail(keystore_failed(std::move(x).error()));
        }
        secret_bytes secret(sizes.shared_secret);
        crypto::ml_kem_decapsulate(ml_kem_.get(), enc.first(sizes.ml_kem_encapsulation), secret.writable());
        return crypto::combine_hybrid(hybrid, secret.reveal(), x->reveal(), ephemeral,
                                      pub_.raw().subspan(sizes.ml_kem_public_key));
    }

private:
    object chip_half_;
    crypto::evp_pkey_ptr ml_kem_;
    crypto::kem_public_key pub_;
    capabilities able_ = in_tpm(true);
};

error bad_name(std::string_view rest, std::string_view why) {
    return error{error_category::usage, "bad_key_uri",
                 "\"tpm2:" + std::string(rest) + "\" does not name a key: " + std::string(why) + "."}
        .with("uri", "tpm2:" + std::string(rest));
}

}  // namespace

result<signing_key_ptr> signing_key_at(const device_ptr& in, uint32_t handle) {
    BERTH_TRY(key, open_persistent(in, handle));
    if (!key.area().has(attestation::sign)) {
        return fail(not_of_use(handle, "signatures"));
    }
    if (key.area().has(attestation::restricted)) {
        return fail(error{error_category::usage, "key_restricted",
                          "The key " + handle_text(handle) +
                              " of the TPM signs attestations only, nothing that comes from outside. Name another key."}
                        .with("handle", handle_text(handle)));
    }
    BERTH_TRY(pub, key.area().verification_key());
    auto holder = std::make_shared<const chip_signer>(std::move(key));
    BERTH_TRY(through, crypto::external_signing_key(pub, holder));
    return std::make_shared<const signer>(std::move(through), std::move(holder));
}

result<kem_key_ptr> hybrid_key_at(const device_ptr& in, uint32_t handle, const sealed_file& sealed) {
    BERTH_TRY(chip_half, open_persistent(in, handle));
    const attestation::public_area& area = chip_half.area();
    if (area.curve != attestation::tpm_curve::p256 || !area.has(attestation::decrypt) || area.has(attestation::restricted)) {
        return fail(not_of_use(handle, "the P-256 half of mlkem768_p256"));
    }
    BERTH_TRY(seed, unseal(in, sealed.seed, sealed.condition));
    if (seed.size() != crypto::ml_kem_seed_size) {
        return fail(error_category::usage, "tpm_structure_malformed", "What is sealed is no ML-KEM seed.");
    }
    crypto::evp_pkey_ptr ml_kem = crypto::ml_kem_from_seed(ml_kem_name, seed.reveal());
    // The point as it stands at the end of the SubjectPublicKeyInfo: uncompressed, its coordinates padded.
    BERTH_TRY(spki, area.spki());
    const bytes point(spki.end() - static_cast<std::ptrdiff_t>(crypto::sizes_of(hybrid).point), spki.end());
    BERTH_TRY(pub, crypto::kem_public_key::from_raw(hybrid, concat({crypto::ml_kem_public(ml_kem.get()), point})));
    return std::make_shared<const hybrid_kem>(std::move(chip_half), std::move(ml_kem), std::move(pub));
}

result<sealed_file> make_hybrid_key(const device_ptr& in, uint32_t handle, const seal_condition& when, random_source& random) {
    secret_bytes seed(crypto::ml_kem_seed_size);
    random.fill(seed.writable());
    BERTH_TRY(sealed, seal(in, seed, when));
    BERTH_CHECK(establish(in, kem_template(), handle));
    return sealed_file{std::move(sealed), when};
}

result<key_name> parse_key_name(std::string_view rest) {
    key_name out;
    std::string_view left = rest;
    const auto next = [&left] {
        const std::string_view part = left.substr(0, left.find(';'));
        left.remove_prefix(std::min(left.size(), part.size() + 1));
        return part;
    };
    const std::string_view handle = next();
    constexpr std::string_view hexadecimal = "0x";
    const char* const end = handle.data() + handle.size();
    if (!handle.starts_with(hexadecimal) || std::from_chars(handle.data() + hexadecimal.size(), end, out.handle, 16).ptr != end ||
        (out.handle >> 24U) != 0x81) {
        return fail(bad_name(rest, "a persistent handle, such as 0x81020000, comes first"));
    }
    while (!left.empty()) {
        const std::string_view part = next();
        const size_t equals = part.find('=');
        const std::string_view name = part.substr(0, equals);
        if (equals == std::string_view::npos || equals + 1 == part.size() || (name != "seed" && name != "tcti")) {
            return fail(bad_name(rest, "after the handle come seed=FILE and tcti=NAME, with semicolons between them"));
        }
        (name == "seed" ? out.seed : out.tcti) = part.substr(equals + 1);
    }
    return out;
}

}  // namespace berth::keystore::tpm2
