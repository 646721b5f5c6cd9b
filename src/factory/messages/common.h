// Types that several messages of the factory share (docs/factory.md).
#pragma once

#include "onboarding/messages/common.h"

namespace berth::factory {

inline constexpr uint16_t factory_version = 1;

using onboarding::chain_field;
using onboarding::der_field;
using onboarding::hash_field;
using onboarding::name_field;
using onboarding::serial_field;

using signature_field = wire::opaque<1, 8192>;
using tpm_field = wire::opaque<1, 1024>;  // one structure of a TPM: TPMT_PUBLIC, TPMS_ATTEST, TPMT_SIGNATURE, ...

}  // namespace berth::factory
