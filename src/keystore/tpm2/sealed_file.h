// The file beside a hybrid key: its ML-KEM seed, sealed to the TPM, and on what condition the TPM gives it back. PEM; the
// second block is replaced when somebody approves of another boot state.
#pragma once

#include "keystore/tpm2/seal.h"

#include <string>

namespace berth::keystore::tpm2 {

struct sealed_file {
    sealed_secret seed;
    seal_condition condition;

    std::string to_pem() const;
    // Errors bad_pem, tpm_structure_malformed, tpm_unsupported.
    static result<sealed_file> from_pem(std::string_view text);
};

}  // namespace berth::keystore::tpm2
