// Records on the wire (RFC 8446 section 5): their header, their limits, and taking them out of a stream of
// octets.
#pragma once

#include "authkem/alert.h"

namespace berth::authkem {

enum class content_type : uint8_t {
    change_cipher_spec = 20,
    alert = 21,
    handshake = 22,
    application_data = 23,
};

inline constexpr size_t record_header_size = 5;
inline constexpr size_t max_plaintext = size_t{1} << 14;       // RFC 8446 5.1: 2^14 octets
inline constexpr size_t max_ciphertext = max_plaintext + 256;  // RFC 8446 5.2

// A record as it stands in a buffer: not owned.
struct record_view {
    content_type type{};
    bytes_view header;
    bytes_view fragment;
};

// Cuts a stream of octets into records. Octets of a record that is not complete are kept; nothing else is.
class record_reader {
public:
    // The next record of (what is kept, `input`), `input` shortened by what was used. Nothing: more octets
    // are needed, all of `input` was kept. The view lives until the next call. Errors, from the header alone:
    // `unknown_record_type` (unexpected_message), `record_too_long` (record_overflow).
    result<std::optional<record_view>> next(bytes_view& input);

    // Whether the middle of a record is kept.
    [[nodiscard]] bool partial() const { return !kept_.empty() && !given_; }

private:
    bytes kept_;
    bool given_ = false;  // kept_ is the record given out last
};

}  // namespace berth::authkem
