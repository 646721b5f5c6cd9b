#include "attestation/tpm.h"

namespace berth::attestation {

std::optional<crypto::hash_algorithm> hash_of(tpm_alg alg) noexcept {
    switch (alg) {
    case tpm_alg::sha256: return crypto::hash_algorithm::sha256;
    case tpm_alg::sha384: return crypto::hash_algorithm::sha384;
    case tpm_alg::sha512: return crypto::hash_algorithm::sha512;
    default: return std::nullopt;
    }
}

std::optional<tpm_curve> curve_of(crypto::signature_algorithm alg) noexcept {
    switch (alg) {
    case crypto::signature_algorithm::ecdsa_p256_sha256: return tpm_curve::p256;
    case crypto::signature_algorithm::ecdsa_p384_sha384: return tpm_curve::p384;
    default: return std::nullopt;
    }
}

std::optional<crypto::signature_algorithm> ecdsa_on(tpm_curve curve) noexcept {
    switch (curve) {
    case tpm_curve::p256: return crypto::signature_algorithm::ecdsa_p256_sha256;
    case tpm_curve::p384: return crypto::signature_algorithm::ecdsa_p384_sha384;
    case tpm_curve::none: break;
    }
    return std::nullopt;
}

size_t field_size(tpm_curve curve) noexcept {
    switch (curve) {
    case tpm_curve::p256: return 32;
    case tpm_curve::p384: return 48;
    case tpm_curve::none: break;
    }
    return 0;
}

bytes pcr_selection::encode() const {
    bytes out;
    wire::writer w(out);
    w.integer(1, 4);
    w.integer(static_cast<uint16_t>(bank), 2);
    std::array<uint8_t, 3> bits{};  // PCR 0 to 23, the least that every TPM has
    for (const uint8_t pcr : registers) {
        if (pcr < 8 * bits.size()) {
            bits[pcr / 8U] = static_cast<uint8_t>(bits[pcr / 8U] | 1U << (pcr % 8U));
        }
    }
    w.integer(bits.size(), 1);
    w.octets(bits);
    return out;
}

void write_2b(wire::writer& out, bytes_view data) {
    out.integer(data.size(), 2);
    out.octets(data);
}

error malformed(std::string_view structure, const wire::reader& in) {
    return malformed(structure, in.to_error().message);
}

error malformed(std::string_view structure, std::string_view why) {
    return error{error_category::peer, "tpm_structure_malformed",
                 "A TPM's " + std::string(structure) + " is not what the specification says: " + std::string(why)}
        .with("structure", std::string(structure));
}

}  // namespace berth::attestation
