// KeyUpdate (RFC 8446 section 4.6.3).
#pragma once

#include "authkem/handshake_message.h"

namespace berth::authkem {

enum class key_update_request : uint8_t { update_not_requested = 0, update_requested = 1 };

// struct { KeyUpdateRequest request_update; } KeyUpdate;
struct key_update {
    key_update_request request_update = key_update_request::update_not_requested;
    BERTH_FIELDS(request_update)
};

result<bytes> encode_key_update(key_update_request request);

// Errors: `malformed_key_update` (decode_error), `bad_key_update_request` (illegal_parameter).
result<key_update_request> parse_key_update(bytes_view body);

}  // namespace berth::authkem
