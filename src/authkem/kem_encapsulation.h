// KEMEncapsulation (profile 1, section 2): the message that takes the place of CertificateVerify.
#pragma once

#include "authkem/handshake_message.h"

namespace berth::authkem {

//     struct {
//         opaque certificate_request_context<0..2^8-1>;   // equals that of the Certificate encapsulated to
//         opaque encapsulation<0..2^16-1>;                // HPKE enc
//     } KEMEncapsulation;
struct kem_encapsulation {
    wire::opaque<0, 255> context;
    wire::opaque<0, 65535> encapsulation;
    BERTH_FIELDS(context, encapsulation)
};

result<bytes> encode_kem_encapsulation(bytes_view encapsulation);

// The encapsulation; its length is judged by the key it is for. Errors: `malformed_kem_encapsulation`
// (decode_error), `context_not_empty` (illegal_parameter).
result<bytes> parse_kem_encapsulation(bytes_view body);

}  // namespace berth::authkem
