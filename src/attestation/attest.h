// What a TPM says and signs about itself (TPMS_ATTEST; TPM 2.0 Part 2, 10.12.12), taken apart. Nothing here is believed
// before verify.h has checked it.
#pragma once

#include "attestation/tpm.h"

#include <variant>

namespace berth::attestation {

// TPMS_CLOCK_INFO (Part 2, 10.11.1): whether the machine was restarted between two statements.
struct clock_info {
    uint64_t clock = 0;  // milliseconds
    uint32_t reset_count = 0;
    uint32_t restart_count = 0;
    bool safe = false;
};

// TPMS_CERTIFY_INFO (Part 2, 10.12.3): "the key with this Name is in me".
struct certify_info {
    bytes name;
    bytes qualified_name;
};

// TPMS_QUOTE_INFO (Part 2, 10.12.4): "my registers have this digest".
struct quote_info {
    std::vector<pcr_selection> selected;
    bytes digest;
};

struct attest {
    bytes qualified_signer;
    bytes extra_data;  // the qualifying data that the asker chose
    clock_info clock;
    uint64_t firmware_version = 0;
    std::variant<certify_info, quote_info> said;

    // Errors tpm_structure_malformed; tpm_unsupported: neither a certification nor a quote.
    static result<attest> parse(bytes_view octets);
};

// TPMT_SIGNATURE (Part 2, 11.3.4) with ECDSA, as DER. Errors tpm_structure_malformed, tpm_unsupported.
result<bytes> ecdsa_signature_der(bytes_view signature, crypto::signature_algorithm alg);
// The inverse. Error bad_signature.
result<bytes> ecdsa_signature_tpm(bytes_view der, crypto::signature_algorithm alg);

}  // namespace berth::attestation
