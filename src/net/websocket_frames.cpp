#include "net/websocket_frames.h"

namespace berth::net {

namespace {

tl::unexpected<error> broken(const char* what) {
    return fail(error_category::peer, "websocket_protocol", what);
}

// RFC 6455 7.4.2: 1005, 1006 and 1015 "MUST NOT be set as a status code in a Close control frame by an endpoint".
bool may_be_said(uint16_t code) {
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) || (code >= 3000 && code <= 4999);
}

}  // namespace

size_t websocket_reader::header_length() const {
    if (header_octets_ < 2) {
        return 2;
    }
    const uint8_t length = header_[1] & 0x7f;
    return 2U + (length == 126 ? 2U : length == 127 ? 8U : 0U) + 4U;
}

result<void> websocket_reader::begin_frame() {
    // RFC 6455 5.2: "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values."
    if ((header_[0] & 0x70) != 0) {
        return broken("reserved bits of a frame are set, and no extension was agreed on");
    }
    final_ = (header_[0] & 0x80) != 0;
    opcode_ = static_cast<websocket_opcode>(header_[0] & 0x0f);
    uint64_t length = header_[1] & 0x7f;
    if (length >= 126) {
        const size_t octets = length == 126 ? 2 : 8;
        length = 0;
        for (size_t i = 0; i < octets; ++i) {
            length = length << 8 | header_.at(2 + i);
        }
        // RFC 6455 5.2: "in all cases, the minimal number of bytes MUST be used to encode the length"; the most significant bit
        // of eight MUST be 0.
        if (length < 126 || (octets == 8 && (length <= 0xffff || length >> 63 != 0))) {
            return broken("a frame's length is not written as it must be");
        }
    }
    std::copy_n(header_.begin() + static_cast<std::ptrdiff_t>(header_length() - 4), 4, mask_.begin());
    left_ = length;
    taken_ = 0;
    switch (opcode_) {
    case websocket_opcode::close:
    case websocket_opcode::ping:
    case websocket_opcode::pong:
        // RFC 6455 5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented."
        if (!final_ || length > most_control) {
            return broken("a control frame is in pieces, or too long");
        }
        control_.clear();
        return {};
    case websocket_opcode::continuation:
        if (!in_message_) {
            return broken("a message goes on that has not begun");
        }
        break;
    case websocket_opcode::text:
    case websocket_opcode::binary:
        if (in_message_) {
            return broken("a message begins before the one before has ended");
        }
        if (opcode_ == websocket_opcode::text) {
            return fail(error_category::peer, "text_refused", "only binary messages are spoken here");
        }
        message_ = 0;
        break;
    default: return broken("a frame's opcode is none that is known");
    }
    if (length > most_message_ || message_ + length > most_message_) {
        return fail(error_category::peer, "message_too_large", "the message is larger than is accepted here");
    }
    message_ += length;
    in_message_ = !final_;
    return {};
}

void websocket_reader::unmask(std::span<uint8_t> octets) {
    for (size_t i = 0; i < octets.size(); ++i) {
        octets[i] ^= mask_.at((taken_ + i) & 3);
    }
    taken_ += octets.size();
    left_ -= octets.size();
}

result<websocket_piece> websocket_reader::end_control() {
    websocket_piece out{opcode_, control_};
    if (opcode_ != websocket_opcode::close || control_.empty()) {
        return out;
    }
    out.code = control_.size() < 2 ? uint16_t{0} : static_cast<uint16_t>(control_[0] << 8 | control_[1]);
    if (!may_be_said(out.code)) {
        return broken("the connection is closed with a code that is none");
    }
    out.octets = {};
    return out;
}

result<std::optional<websocket_piece>> websocket_reader::next(std::span<uint8_t>& input) {
    while (true) {
        while (!in_frame_) {
            if (input.empty()) {
                return std::nullopt;
            }
            header_.at(header_octets_++) = input.front();
            input = input.subspan(1);
            // RFC 6455 5.1: "The server MUST close the connection upon receiving a frame that is not masked."
            if (header_octets_ == 2 && (header_[1] & 0x80) == 0) {
                return broken("a frame of a client is not masked");
            }
            if (header_octets_ == header_length()) {
                BERTH_CHECK(begin_frame());
                in_frame_ = true;
                header_octets_ = 0;
            }
        }
        const auto some = input.first(static_cast<size_t>(std::min<uint64_t>(left_, input.size())));
        input = input.subspan(some.size());
        unmask(some);
        in_frame_ = left_ > 0;
        if (is_control()) {
            append(control_, some);
            if (!in_frame_) {
                BERTH_TRY(piece, end_control());
                return std::optional(piece);
            }
        } else if (!some.empty()) {
            return std::optional(websocket_piece{websocket_opcode::binary, some});
        }
        if (in_frame_ && input.empty()) {
            return std::nullopt;
        }
    }
}

uint16_t close_code_of(const error& e) {
    return e.is("text_refused")        ? websocket_code::not_supported
           : e.is("message_too_large") ? websocket_code::too_big
                                       : websocket_code::protocol_error;
}

bytes websocket_frame(websocket_opcode what, bytes_view payload) {
    bytes out;
    out.reserve(payload.size() + 10);
    out.push_back(static_cast<uint8_t>(0x80 | static_cast<uint8_t>(what)));
    const uint64_t length = payload.size();
    if (length < 126) {
        out.push_back(static_cast<uint8_t>(length));
    } else {
        const int octets = length <= 0xffff ? 2 : 8;
        out.push_back(octets == 2 ? 126 : 127);
        for (int i = octets - 1; i >= 0; --i) {
            out.push_back(static_cast<uint8_t>(length >> (8 * i)));
        }
    }
    append(out, payload);
    return out;
}

bytes websocket_close_frame(uint16_t code, std::string_view reason) {
    bytes payload{static_cast<uint8_t>(code >> 8), static_cast<uint8_t>(code & 0xff)};
    append(payload, as_bytes(reason.substr(0, 123)));
    return websocket_frame(websocket_opcode::close, payload);
}

}  // namespace berth::net
