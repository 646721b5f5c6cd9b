// Keys in a TPM by name: "tpm2:0x81020000[;seed=FILE][;tcti=NAME]".
#pragma once

#include "keystore/backend.h"

namespace berth::keystore::tpm2 {

const backend& tpm2_backend();

}  // namespace berth::keystore::tpm2
