// Endorsement keys as the TCG EK Credential Profile for TPM 2.0 lays them down: from its kind follows everything about an
// EK except its public value, so that a server that has the certificate knows the whole key.
#pragma once

#include "attestation/public_area.h"

#include <array>

namespace berth::attestation {

enum class ek_kind : uint8_t { rsa2048, p256, rsa2048_high, p256_high, p384_high };

inline constexpr std::array all_ek_kinds{ek_kind::rsa2048, ek_kind::p256, ek_kind::rsa2048_high, ek_kind::p256_high,
                                         ek_kind::p384_high};

struct ek_profile {
    ek_kind kind;
    std::string_view name;       // "rsa2048"
    std::string_view title;      // "L-1", as in the profile
    uint32_t certificate_index;  // of the NV index that holds the certificate
    bool by_policy;              // used by PolicySecret(endorsement) alone, not by its (empty) authorization value
};

const ek_profile& profile_of(ek_kind kind) noexcept;

// What CreatePrimary under the endorsement hierarchy takes to make (again) the key that the certificate is for.
public_area ek_template(ek_kind kind);

// The same with the public value of a certificate's key. Errors bad_public_key; tpm_unsupported: not RSA-2048, P-256, P-384.
result<public_area> ek_from_spki(bytes_view spki);

}  // namespace berth::attestation
