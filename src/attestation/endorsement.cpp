#include "attestation/endorsement.h"

#include "crypto/der_openssl.h"

#include <cstdlib>

namespace berth::attestation {

namespace {

constexpr std::array<ek_profile, 5> table{{
    {ek_kind::rsa2048, "rsa2048", "L-1", 0x01c00002, true},
    {ek_kind::p256, "p256", "L-2", 0x01c0000a, true},
    {ek_kind::rsa2048_high, "rsa2048_high", "H-1", 0x01c00012, false},
    {ek_kind::p256_high, "p256_high", "H-2", 0x01c00014, false},
    {ek_kind::p384_high, "p384_high", "H-3", 0x01c00016, false},
}};

// PolicyA of the profile: PolicySecret(endorsement).
constexpr std::string_view policy_a = "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa";
// PolicyB: PolicyOR(PolicyA, PolicyAuthorizeNV(of an index that the owner of the platform may fill)).
constexpr std::string_view policy_b_sha256 = "ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0";
constexpr std::string_view policy_b_sha384 =
    "b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12";

tl::unexpected<error> unsupported() {
    return fail(error_category::incompatible, "tpm_unsupported",
                "The endorsement certificate's key is none of RSA-2048, P-256 and P-384.");
}

}  // namespace

const ek_profile& profile_of(ek_kind kind) noexcept {
    return table[static_cast<size_t>(kind)];
}

public_area ek_template(ek_kind kind) {
    const ek_profile& profile = profile_of(kind);
    public_area out;
    out.attributes = fixed_tpm | fixed_parent | sensitive_data_origin | admin_with_policy | restricted | decrypt;
    out.aes_bits = 128;
    if (!profile.by_policy) {
        out.attributes |= user_with_auth;
    }
    out.policy = *from_hex(profile.by_policy ? policy_a : policy_b_sha256);
    switch (kind) {
    case ek_kind::rsa2048:
    case ek_kind::rsa2048_high:
        out.type = tpm_alg::rsa;
        out.rsa_bits = 2048;
        // Low-range templates have a `unique` of zeros, high-range ones an empty one.
        out.unique.resize(profile.by_policy ? 256 : 0);
        break;
    case ek_kind::p256:
    case ek_kind::p256_high:
        out.curve = tpm_curve::p256;
        out.x.resize(profile.by_policy ? 32 : 0);
        out.y = out.x;
        break;
    case ek_kind::p384_high:
        out.curve = tpm_curve::p384;
        out.name_alg = tpm_alg::sha384;
        out.aes_bits = 256;
        out.policy = *from_hex(policy_b_sha384);
        break;
    }
    return out;
}

result<public_area> ek_from_spki(bytes_view spki) {
    const auto parts = crypto::read_spki(spki);
    if (!parts) {
        return fail(error_category::peer, "bad_public_key", "The public key is not exactly one DER SubjectPublicKeyInfo.");
    }
    for (const ek_kind kind : {ek_kind::p256, ek_kind::p384_high}) {
        public_area out = ek_template(kind);
        const bytes_view identifier =
            kind == ek_kind::p256 ? bytes_view(crypto::algorithm_identifier::p256) : crypto::algorithm_identifier::p384;
        if (same_octets(parts->algorithm, identifier)) {
            // The point itself is judged here: is it on the curve?
            BERTH_TRY(key, crypto::verification_key::from_spki(spki));
            const size_t size = field_size(out.curve);
            out.x = to_bytes(key.raw().subspan(1, size));
            out.y = to_bytes(key.raw().subspan(1 + size));
            return out;
        }
    }
    bytes_view rest = parts->key;
    auto numbers = crypto::take_der(rest, 0x30);
    const auto modulus = numbers ? crypto::take_der(*numbers, 0x02) : std::nullopt;
    if (!modulus || modulus->size() != 257 || (*modulus)[0] != 0) {
        return unsupported();
    }
    public_area out = ek_template(ek_kind::rsa2048);
    out.unique = to_bytes(modulus->subspan(1));
    // What is not this modulus with the exponent 65537 and the algorithm rsaEncryption comes out different.
    BERTH_TRY(again, out.spki());
    if (!same_octets(again, spki)) {
        return unsupported();
    }
    return out;
}

}  // namespace berth::attestation
