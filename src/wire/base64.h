// Base64 (RFC 4648 section 4) and base64url without padding (section 5, as JOSE uses it). Strict: the only accepted text
// for some octets is the one that encoding them yields.
#pragma once

#include "base/bytes.h"

namespace berth::wire {

std::string base64(bytes_view data);
std::string base64url(bytes_view data);

// Error `bad_base64`: a character outside the alphabet, wrong padding, or non-zero bits behind the last octet.
// RFC 4648 3.5: "Implementations MAY choose to reject the encoding if the pad bits have not been set to zero": we do.
result<bytes> from_base64(std::string_view text);
result<bytes> from_base64url(std::string_view text);

}  // namespace berth::wire
