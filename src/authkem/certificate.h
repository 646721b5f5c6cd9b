// Certificate (RFC 8446 section 4.4.2, profile 1 section 2).
#pragma once

#include "authkem/extensions.h"

namespace berth::authkem {

//     struct {
//         opaque cert_data<1..2^24-1>;
//         Extension extensions<0..2^16-1>;
//     } CertificateEntry;
struct certificate_entry {
    wire::opaque<1, 0xffffff> data;
    wire::list<extension, 0, 65535> extensions;
    BERTH_FIELDS(data, extensions)
};

//     struct {
//         opaque certificate_request_context<0..2^8-1>;
//         CertificateEntry certificate_list<0..2^24-1>;
//     } Certificate;
struct certificate {
    wire::opaque<0, 255> context;
    wire::list<certificate_entry, 0, 0xffffff> entries;
    BERTH_FIELDS(context, entries)
};

// A chain as sent: DER certificates, leaf first.
using der_chain = std::vector<bytes>;

// The whole message for a chain; an empty chain gives the empty Certificate. Error `too_large`.
result<bytes> encode_certificate(const der_chain& chain);

// Errors: `malformed_certificate` (decode_error), `context_not_empty` (illegal_parameter), and those of
// check_extensions: we offer nothing that a CertificateEntry could answer. The certificates themselves are
// not judged.
result<der_chain> parse_certificate(bytes_view body);

}  // namespace berth::authkem
