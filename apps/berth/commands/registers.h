// Platform registers of a TPM, as commands take and tell them.
#pragma once

#include "attestation/verify.h"
#include "berth/commands/commands.h"

namespace berth::app {

// For options that take numbers of registers, with commas between them.
CLI::Validator register_number();

// "0,2,7"
std::string register_list(const std::vector<uint8_t>& registers);

// Says on standard error which of them nothing was measured into: a policy of such values fits every machine that measures
// nothing.
void warn_of_unmeasured(const attestation::pcr_values& values);

}  // namespace berth::app
