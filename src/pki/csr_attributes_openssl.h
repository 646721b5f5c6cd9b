// Internal to pki: what writing and reading CsrAttrs share.
#pragma once

#include "pki/csr_attributes.h"

namespace berth::pki {

inline constexpr std::string_view oid_rsa_encryption = "1.2.840.113549.1.1.1";
inline constexpr std::string_view oid_ec_public_key = "1.2.840.10045.2.1";
inline constexpr uint32_t most_rsa_bits = 16'384;

bytes concat_all(const std::vector<bytes>& parts);

}  // namespace berth::pki
