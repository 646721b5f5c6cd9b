// The compact serialisation of JOSE (RFC 7515 section 7.1, RFC 7516 section 7.1), read strictly: what is signed or sealed is
// known by the number of its parts, a header is one JSON object without a member twice, and nothing in it is believed but what
// the caller asks for. `jku`, `x5u`, `jwk`, `x5c` are never looked at.
#pragma once

#include "wire/json.h"

#include <span>
#include <string>
#include <string_view>

namespace berth::jose {

inline constexpr size_t most_token = 64 * 1024;  // characters, unless the caller has another limit
inline constexpr size_t most_header = 4 * 1024;
inline constexpr size_t most_kid = 128;

// Of a token that is not what it says it is: error `malformed` (peer).
error malformed(std::string_view why);

enum class token_kind : uint8_t { signed_only, encrypted };  // three parts, five
// By the dots alone. Error malformed.
result<token_kind> kind_of(std::string_view token);

// Splits at the dots into exactly parts.size() parts. Errors token_too_large, malformed.
result<void> split(std::string_view token, std::span<std::string_view> parts, size_t most = most_token);

struct header {
    wire::json::object members;
    std::string alg, enc, kid, typ, cty;  // empty: not there
};

// Errors malformed, token_too_large, critical_header (RFC 7515 4.1.11: there is no extension that we understand), compressed
// (RFC 8725 3.6).
result<header> read_header(std::string_view encoded);

// base64url of the compact JSON.
std::string write_header(const wire::json::object& members);

// RFC 7515 section 4.1.9: "a JWS recipient processing a typ value MUST treat it as if "application/" were prepended": compared
// as written, without letter case, "application/" or not.
bool same_type(std::string_view a, std::string_view b);

}  // namespace berth::jose
