#include "keystore/tpm2/keys.h"

#include "keystore/held_keys.h"
#include "keystore/key_uri.h"
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

// The first octet of a handle says what it is one of (TPM 2.0 Part 2, 7.2).
constexpr uint32_t persistent_objects = 0x81;
constexpr uint32_t nv_indices = 0x01;

std::optional<uint32_t> parse_handle(std::string_view text, uint32_t kind) {
    constexpr std::string_view hexadecimal = "0x";
    uint32_t out = 0;
    const char* const end = text.data() + text.size();
    const bool whole = text.size() > hexadecimal.size() && text.starts_with(hexadecimal) &&
                       std::from_chars(text.data() + hexadecimal.size(), end, out, 16).ptr == end;
    return whole && (out >> 24U) == kind ? std::optional(out) : std::nullopt;
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

result<agreement_key_ptr> agreement_key_at(const device_ptr& in, uint32_t handle) {
    BERTH_TRY(key, open_persistent(in, handle));
    const attestation::public_area& area = key.area();
    const auto hybrid = hybrid_with(area.curve);
    if (!hybrid || !area.has(attestation::decrypt) || area.has(attestation::restricted) ||
        area.scheme != attestation::tpm_alg::null) {  // halves of hybrids have a scheme
        return fail(not_of_use(handle, "agreeing on keys"));
    }
    BERTH_TRY(spki, area.spki());
    const bytes point(spki.end() - static_cast<std::ptrdiff_t>(crypto::sizes_of(*hybrid).point), spki.end());
    const bool p256 = area.curve == attestation::tpm_curve::p256;
    return held_agreement_key(p256 ? crypto::agreement_group::p256 : crypto::agreement_group::p384, point,
                              std::make_shared<const chip_agreement>(std::move(key)), std::string(backend_name));
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
    const auto handle = parse_handle(next(), persistent_objects);
    if (!handle) {
        return fail(bad_name(rest, "a persistent handle, such as 0x81020000, comes first"));
    }
    out.handle = *handle;
    std::optional<uint32_t> own_iak, own_nv;
    while (!left.empty()) {
        const std::string_view part = next();
        const size_t equals = part.find('=');
        const std::string_view name = part.substr(0, equals);
        const std::string_view value = equals == std::string_view::npos ? "" : part.substr(equals + 1);
        if (value.empty()) {
            return fail(bad_name(rest, "after the handle come NAME=VALUE, with semicolons between them"));
        }
        if (name == "seed" || name == "tcti") {
            (name == "seed" ? out.seed : out.tcti) = value;
        } else if (name == "layout") {
            BERTH_TRY(at, layout_named(value));
            out.at = at;
        } else if (name == "iak" || name == "nv") {
            const auto number = parse_handle(value, name == "iak" ? persistent_objects : nv_indices);
            if (!number) {
                return fail(bad_name(rest, "iak= is a persistent handle, such as 0x81020001, nv= an index, such as 0x01c90000"));
            }
            (name == "iak" ? own_iak : own_nv) = number;
        } else {
            return fail(bad_name(rest, "after the handle come seed=FILE, tcti=NAME, layout=NAME, iak=HANDLE, nv=INDEX"));
        }
    }
    // What is said one by one counts more than a layout, wherever it stands.
    out.at.iak = own_iak.value_or(out.at.iak);
    out.at.idevid_certificate = own_nv.value_or(out.at.idevid_certificate);
    return out;
}

result<key_name> key_name_of(std::string_view uri) {
    BERTH_TRY(parsed, parse_key_uri(uri));
    if (parsed.kind != key_store_kind::tpm2) {
        return fail(error{error_category::usage, "bad_key_uri",
                          "\"" + parsed.text() +
                              "\" names no key in a TPM: such a name is tpm2:HANDLE, or of a KEM key "
                              "tpm2:HANDLE;seed=FILE."}
                        .with("uri", parsed.text()));
    }
    return parse_key_name(parsed.rest);
}

}  // namespace berth::keystore::tpm2
