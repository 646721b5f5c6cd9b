// CertificateRequest (RFC 8446 section 4.3.2, profile 1 section 4).
#pragma once

#include "authkem/extensions.h"

namespace berth::authkem {

//     struct {
//         opaque certificate_request_context<0..2^8-1>;
//         Extension extensions<2..2^16-1>;
//     } CertificateRequest;
struct certificate_request {
    wire::opaque<0, 255> context;
    wire::list<extension, 2, 65535> extensions;
    BERTH_FIELDS(context, extensions)
};

// `schemes` are accepted for the client's leaf, in that order.
result<bytes> encode_certificate_request(const std::vector<scheme>& schemes);

// The code points of the schemes that the server accepts. Errors: `malformed_*` (decode_error),
// `context_not_empty` (illegal_parameter), `missing_extension`, and those of check_extensions.
result<std::vector<uint16_t>> parse_certificate_request(bytes_view body);

}  // namespace berth::authkem
