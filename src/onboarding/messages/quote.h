#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

struct quoted_register {
    uint8_t number = 0;  // 0 to 23
    hash_field value{};  // in the SHA-256 bank
    BERTH_FIELDS(number, value)
};

// What `quote` in `credential_requests` holds, if it holds anything: which values a TPM's registers have, and the TPM's word for
// it.
struct platform_quote {
    wire::opaque<1, 1024> attest;     // TPMS_ATTEST
    wire::opaque<1, 1024> signature;  // TPMT_SIGNATURE, by the IAK
    chain_field iak;
    wire::list<quoted_register, 33, 792> registers;  // ascending, none twice: those that were quoted
    BERTH_FIELDS(attest, signature, iak, registers)
};

}  // namespace berth::onboarding
