#include "authkem/key_update.h"

namespace berth::authkem {

result<bytes> encode_key_update(key_update_request request) {
    return encode_message(handshake_type::key_update, key_update{request});
}

result<key_update_request> parse_key_update(bytes_view body) {
    BERTH_TRY(message, decode_part<key_update>(body, "key_update"));
    // RFC 8446 4.6.3: "If an implementation receives any other value, it MUST terminate the connection with
    // an "illegal_parameter" alert."
    if (message.request_update != key_update_request::update_not_requested &&
        message.request_update != key_update_request::update_requested) {
        return refuse(alert::illegal_parameter, "bad_key_update_request", "the peer's KeyUpdate has an unknown value");
    }
    return message.request_update;
}

}  // namespace berth::authkem
