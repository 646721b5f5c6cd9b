// Handshake messages out of the contents of handshake records (RFC 8446 section 5.1: they "MAY be coalesced
// into a single TLSPlaintext record or fragmented across several records").
#pragma once

#include "authkem/handshake_message.h"
#include "authkem/proof.h"

namespace berth::authkem {

// A whole message, not owned: it lives until the next call to the reader.
struct message_view {
    handshake_type type{};
    bytes_view octets;  // with its header
    [[nodiscard]] bytes_view body() const { return octets.subspan(handshake_header_size); }
};

class handshake_reader {
public:
    // Takes the content of one record, which must stay where it is until next() has given out nothing.
    // Error `empty_handshake_record` (unexpected_message).
    result<void> feed(bytes_view content);

    // The type of the next message, once its first octet is there. The length in its header is judged as soon
    // as that is there. Error `message_too_long` (decode_error).
    result<std::optional<handshake_type>> next_type() const;

    // The next whole message; nothing when more octets are needed.
    std::optional<message_view> next();

    // Proof that the record given last ended with the message given out last. Error
    // `message_after_key_change` (unexpected_message).
    result<record_boundary> boundary() const;

    // Whether the beginning of a message waits for its rest.
    [[nodiscard]] bool partial() const { return !kept_.empty() && !given_; }

private:
    [[nodiscard]] std::array<uint8_t, handshake_header_size> header() const;
    [[nodiscard]] size_t available() const { return (given_ ? 0 : kept_.size()) + rest_.size(); }

    bytes kept_;          // the beginning of a message, from records before
    bytes_view rest_;     // of the record given last
    bool given_ = false;  // kept_ is the message given out last
};

}  // namespace berth::authkem
