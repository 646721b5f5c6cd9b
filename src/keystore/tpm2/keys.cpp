#include "keystore/tpm2/keys.h"

#include "keystore/held_keys.h"
#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/key_operations.h"

#include <charconv>

namespace berth::keystore::tpm2 {

namespace {

constexpr std::string_view backend_name = "tpm2";

error not_of_use(uint32_t handle, std::string_view for_what) {
    return error{error_category::usage, "tpm_unsupported",
                 "The key " + handle_text(handle) + " of the TPM is not one for " + std::string(for_what) + "."}
        .with("handle", handle_text(handle));
}

class chip_signer final : public crypto::external_signer {
public:
    explicit chip_signer(object key) : key_(std::move(key)) {}
    result<bytes> sign_digest(bytes_view digest) const override { return tpm2::sign_digest(key_, digest); }

private:
    object key_;
};

class chip_agreement final : public external_agreement {
public:
    explicit chip_agreement(object key) : key_(std::move(key)) {}
    result<secret_bytes> agree(bytes_view point) const override { return ecdh(key_, point); }

private:
    object key_;
};

std::optional<crypto::kem_algorithm> hybrid_with(attestation::tpm_curve curve) {
    switch (curve) {
    case attestation::tpm_curve::p256: return crypto::kem_algorithm::mlkem768_p256;
    case attestation::tpm_curve::p384: return crypto::kem_algorithm::mlkem1024_p384;
    default: return std::nullopt;
    }
}

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
    return held_signing_key(pub, std::make_shared<const chip_signer>(std::move(key)), std::string(backend_name));
}

result<kem_key_ptr> hybrid_key_at(const device_ptr& in, uint32_t handle, const sealed_file& sealed) {
    BERTH_TRY(chip_half, open_persistent(in, handle));
    const attestation::public_area& area = chip_half.area();
    const auto alg = hybrid_with(area.curve);
    if (!alg || !area.has(attestation::decrypt) || area.has(attestation::restricted)) {
        return fail(not_of_use(handle, "the elliptic half of a hybrid key"));
    }
    BERTH_TRY(seed, unseal(in, sealed));
    // The point as it stands at the end of the SubjectPublicKeyInfo: uncompressed, its coordinates padded.
    BERTH_TRY(spki, area.spki());
    const bytes point(spki.end() - static_cast<std::ptrdiff_t>(crypto::sizes_of(*alg).point), spki.end());
    return held_hybrid_key(*alg, seed, point, std::make_shared<const chip_agreement>(std::move(chip_half)),
                           std::string(backend_name));
}

result<sealed_file> make_hybrid_key(const device_ptr& in, uint32_t handle, const seal_condition& when, random_source& random) {
    secret_bytes seed(hybrid_seed_size);
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
