#include "authkem/handshake_reader.h"

#include <algorithm>

namespace berth::authkem {

result<void> handshake_reader::feed(bytes_view content) {
    // RFC 8446 5.1: "Implementations MUST NOT send zero-length fragments of Handshake types, even if those
    // fragments contain padding." 5.4: "the receiving implementation MUST terminate the connection with an
    // "unexpected_message" alert."
    if (content.empty()) {
        return refuse(alert::unexpected_message, "empty_handshake_record", "the peer sent an empty handshake record");
    }
    rest_ = content;
    return {};
}

std::array<uint8_t, handshake_header_size> handshake_reader::header() const {
    std::array<uint8_t, handshake_header_size> out{};
    const bytes_view before = given_ ? bytes_view{} : bytes_view(kept_);
    const size_t first = std::min(before.size(), out.size());
    std::copy_n(before.begin(), first, out.begin());
    std::copy_n(rest_.begin(), std::min(rest_.size(), out.size() - first), out.begin() + static_cast<ptrdiff_t>(first));
    return out;
}

result<std::optional<handshake_type>> handshake_reader::next_type() const {
    if (available() == 0) {
        return std::nullopt;
    }
    const auto head = header();
    const size_t length = size_t{head[1]} << 16 | size_t{head[2]} << 8 | head[3];
    // Profile 4: "A handshake message over 65 536 octets (its length field) is `decode_error`, judged from
    // its header before it is buffered, whatever its type."
    if (available() >= handshake_header_size && length > max_handshake_body) {
        return refuse(alert::decode_error, "message_too_long",
                      "the peer announces a handshake message of " + std::to_string(length) + " octets");
    }
    return static_cast<handshake_type>(head[0]);
}

std::optional<message_view> handshake_reader::next() {
    if (given_) {
        given_ = false;
        bytes().swap(kept_);
    }
    const auto keep = [&](size_t wanted) {
        const size_t more = std::min(wanted - kept_.size(), rest_.size());
        append(kept_, rest_.first(more));
        rest_ = rest_.subspan(more);
        return kept_.size() == wanted;
    };
    const auto size_of = [](bytes_view head) {
        return handshake_header_size + (size_t{head[1]} << 16 | size_t{head[2]} << 8 | head[3]);
    };
    if (kept_.empty() && rest_.size() >= handshake_header_size && rest_.size() >= size_of(rest_)) {
        const bytes_view octets = rest_.first(size_of(rest_));
        rest_ = rest_.subspan(octets.size());
        return message_view{static_cast<handshake_type>(octets[0]), octets};
    }
    if (rest_.empty()) {
        return std::nullopt;
    }
    if (kept_.size() < handshake_header_size && !keep(handshake_header_size)) {
        return std::nullopt;
    }
    const size_t whole = size_of(kept_);
    if (!keep(whole)) {
        return std::nullopt;
    }
    given_ = true;
    return message_view{static_cast<handshake_type>(kept_[0]), kept_};
}

result<record_boundary> handshake_reader::boundary() const {
    // Profile 4: "A message that ends a key (ClientHello, ServerHello, early Certificate, the server's
    // Certificate, the client's KEMEncapsulation, every Finished, KeyUpdate) ends its record: more is
    // `unexpected_message`."
    if (!rest_.empty() || partial()) {
        return refuse(alert::unexpected_message, "message_after_key_change",
                      "the peer put octets after a message that ends a key into the same record");
    }
    return record_boundary();
}

}  // namespace berth::authkem
