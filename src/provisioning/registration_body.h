// What a device sends with its registration.
#pragma once

#include "pki/csr.h"
#include "provisioning/tpm_desk.h"
#include "wire/json.h"

namespace berth::provisioning {

struct registration_body {
    wire::json::value payload;
    std::optional<pki::verified_csr> csr;
    std::optional<tpm_claim> tpm;
};

// Errors (peer) `too_large`, `bad_body`, those of the JSON, of read_csr() and read_tpm(); `unsupported` (incompatible): who shows
// a certificate shows no TPM.
result<registration_body> read_body(std::string_view text, std::string_view registration_id, bool shows_certificate);

}  // namespace berth::provisioning
