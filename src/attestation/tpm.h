// Numbers and small structures of TPM 2.0 (TPM 2.0 Part 2), as both sides of an attestation need them: the device, which
// has the chip, and a server, which has none and links no TPM library.
#pragma once

#include "base/bytes.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include "wire/codec.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace berth::attestation {

// TPM_ALG_ID (Part 2, 6.3), those that occur here.
enum class tpm_alg : uint16_t {
    rsa = 0x0001,
    sha1 = 0x0004,
    aes = 0x0006,
    keyedhash = 0x0008,
    sha256 = 0x000b,
    sha384 = 0x000c,
    sha512 = 0x000d,
    null = 0x0010,
    ecdsa = 0x0018,
    ecdh = 0x0019,
    ecc = 0x0023,
    cfb = 0x0043,
};

// TPM_ECC_CURVE (Part 2, 6.4).
enum class tpm_curve : uint16_t { none = 0, p256 = 0x0003, p384 = 0x0004 };

// TPMA_OBJECT (Part 2, 8.3), combined with |.
enum object_attributes : uint32_t {
    fixed_tpm = 1U << 1,
    fixed_parent = 1U << 4,
    sensitive_data_origin = 1U << 5,  // the TPM made the private part
    user_with_auth = 1U << 6,
    admin_with_policy = 1U << 7,
    no_da = 1U << 10,
    restricted = 1U << 16,
    decrypt = 1U << 17,
    sign = 1U << 18,
};

// TPM_HANDLE of the endorsement hierarchy (Part 2, 7.4) and the command codes (6.5.2) that occur inside policies.
inline constexpr uint32_t handle_endorsement = 0x4000000b;
inline constexpr uint32_t cc_activate_credential = 0x00000147;
inline constexpr uint32_t cc_certify = 0x00000148;
inline constexpr uint32_t cc_policy_secret = 0x00000151;
inline constexpr uint32_t cc_policy_authorize = 0x0000016a;
inline constexpr uint32_t cc_policy_command_code = 0x0000016c;
inline constexpr uint32_t cc_policy_or = 0x00000171;
inline constexpr uint32_t cc_policy_pcr = 0x0000017f;

// Nothing for hashes that we do not accept (SHA-1 among them).
std::optional<crypto::hash_algorithm> hash_of(tpm_alg alg) noexcept;
std::optional<tpm_curve> curve_of(crypto::signature_algorithm alg) noexcept;
std::optional<crypto::signature_algorithm> ecdsa_on(tpm_curve curve) noexcept;
// Octets of a coordinate: 32 or 48, 0 for what is not ours.
size_t field_size(tpm_curve curve) noexcept;

// Registers of one bank.
struct pcr_selection {
    tpm_alg bank = tpm_alg::sha256;
    std::vector<uint8_t> registers;  // ascending, below 24

    // TPML_PCR_SELECTION (Part 2, 10.9.7) with this one selection.
    bytes encode() const;
    bool operator==(const pcr_selection&) const = default;
};

// Reading and writing TPM2B structures (Part 2, 10.4): a 16-bit length, then so many octets.
inline bytes_view read_2b(wire::reader& in, size_t most = 0xffff) {
    return in.vector(2, 0, most);
}
void write_2b(wire::writer& out, bytes_view data);

// Error tpm_structure_malformed, category peer.
error malformed(std::string_view structure, const wire::reader& in);
error malformed(std::string_view structure, std::string_view why);

}  // namespace berth::attestation
