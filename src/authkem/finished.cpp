#include "authkem/finished.h"

namespace berth::authkem {

bytes encode_finished(const crypto::digest& verify_data) {
    bytes out{static_cast<uint8_t>(handshake_type::finished), 0, 0, static_cast<uint8_t>(verify_data.size())};
    append(out, verify_data.view());
    return out;
}

result<bytes_view> parse_finished(bytes_view body, crypto::hash_algorithm hash) {
    // RFC 8446 4.4.4: struct { opaque verify_data[Hash.length]; } Finished;
    if (body.size() != crypto::hash_size(hash)) {
        return refuse(alert::decode_error, "malformed_finished",
                      "the peer's Finished has " + std::to_string(body.size()) + " octets");
    }
    return body;
}

}  // namespace berth::authkem
