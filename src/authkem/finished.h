// Finished (RFC 8446 section 4.4.4): verify_data[Hash.length] and nothing else. Its value is judged by
// master_stage.
#pragma once

#include "authkem/handshake_message.h"
#include "crypto/hash.h"

namespace berth::authkem {

bytes encode_finished(const crypto::digest& verify_data);

// The verify_data, not owned. Error `malformed_finished` (decode_error): not as long as the hash.
result<bytes_view> parse_finished(bytes_view body, crypto::hash_algorithm hash);

}  // namespace berth::authkem
