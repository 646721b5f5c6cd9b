// EncryptedExtensions (RFC 8446 section 4.3.1, profile 1 section 2).
#pragma once

#include "authkem/extensions.h"

namespace berth::authkem {

// struct { Extension extensions<0..2^16-1>; } EncryptedExtensions;
struct encrypted_extensions {
    wire::list<extension, 0, 65535> extensions;
    BERTH_FIELDS(extensions)
};

// `alpn` is the protocol selected; empty: none.
result<bytes> encode_encrypted_extensions(std::string_view alpn);

struct parsed_encrypted_extensions {
    std::string alpn;  // selected; empty: none
};

// `alpn` are the protocols that the client named. Errors: those of check_extensions, `malformed_*`
// (decode_error), `missing_extension`, `profile_not_offered`, `alpn_not_offered` (illegal_parameter),
// `no_application_protocol`.
result<parsed_encrypted_extensions> parse_encrypted_extensions(bytes_view body, const offered_extensions& offered,
                                                               const std::vector<std::string>& alpn, bool alpn_required);

}  // namespace berth::authkem
