// What an OCSP response says, whoever has signed it: for people who look at one. Whether to believe it is ocsp.h's.
#pragma once

#include "pki/ocsp.h"

namespace berth::pki {

struct ocsp_contents {
    std::string failure;    // the responder answers nothing, and why: "try_later"; empty: it answers
    std::string responder;  // its name, or its key's SHA-1 in hexadecimal
    unix_seconds produced_at = 0;
    std::vector<ocsp_answer> answers;
    bool nonce = false;
    std::vector<certificate> certificates;  // sent along
};
// Error `bad_ocsp_response`: it is not exactly one DER OCSPResponse, of the basic kind, with at most 1000 answers.
result<ocsp_contents> parse_ocsp_contents(bytes_view der);

// "try_later"
std::string_view name_of_ocsp_failure(int status) noexcept;

}  // namespace berth::pki
