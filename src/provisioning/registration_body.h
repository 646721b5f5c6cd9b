// What a device sends with its registration.
#pragma once

#include "pki/csr.h"
#include "wire/json.h"

namespace berth::provisioning {

struct registration_body {
    wire::json::value payload;
    std::optional<pki::verified_csr> csr;
};

// Errors (peer) `too_large`, `bad_body`, those of the JSON and of read_csr(); `unsupported` (incompatible).
result<registration_body> read_body(std::string_view text, std::string_view registration_id);

}  // namespace berth::provisioning
