// Framing of handshake messages (RFC 8446 section 4):
//
//     struct { HandshakeType msg_type; uint24 length; ... body } Handshake;
#pragma once

#include "authkem/alert.h"
#include "authkem/protocol.h"
#include "wire/codec.h"

namespace berth::authkem {

inline constexpr size_t handshake_header_size = 4;

// Profile 4: "A handshake message over 65 536 octets (its length field) is `decode_error`".
inline constexpr size_t max_handshake_body = 65536;

// The 4-octet header and the body. Error `too_large`: a field, or the whole body, is over its bound.
template <wire::structure T>
result<bytes> encode_message(handshake_type type, const T& body) {
    bytes out;
    wire::writer w(out);
    wire::put(w, static_cast<uint8_t>(type));
    const size_t mark = w.open(3);
    wire::put(w, body);
    w.close(mark, 3, 0, max_handshake_body);
    if (!w.ok()) {
        return fail(error_category::internal, "too_large", "our " + std::string(name_of(type)) + " is over its bounds");
    }
    return out;
}

// The structure whose octets are exactly `data`. Error `malformed_<what>`, alert decode_error.
// RFC 8446 6.2: "decode_error: A message could not be decoded because some field was out of the specified
// range or the length of the message was incorrect."
template <wire::structure T>
result<T> decode_part(bytes_view data, std::string_view what) {
    auto value = wire::decode<T>(data);
    if (!value) {
        return refuse(alert::decode_error, "malformed_" + std::string(what),
                      "the peer's " + std::string(what) + " does not decode: " + value.error().message);
    }
    return value;
}

}  // namespace berth::authkem
