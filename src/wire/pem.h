// PEM (RFC 7468): textual encodings of DER structures.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

namespace berth::wire {

struct pem_block {
    std::string label;  // "CERTIFICATE"
    secret_bytes der;   // zeroised, since it may be a private key
};

// One block, lines of 64 characters.
std::string to_pem(std::string_view label, bytes_view der);

// All blocks of a text, in order; text outside blocks is ignored (RFC 7468 section 2: explanatory text).
// Error `bad_pem`: an unmatched or nested boundary, a wrong label at the end, or content that is not strict base64.
result<std::vector<pem_block>> from_pem(std::string_view text);

}  // namespace berth::wire
