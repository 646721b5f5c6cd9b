// Each application message on KK1, KK2 and (rendezvous) KK3 is a Frame.
#pragma once

#include "base/result.h"
#include "onboarding/messages/types.h"
#include "wire/codec.h"

namespace berth::onboarding {

inline constexpr size_t frame_header_octets = 8;
inline constexpr size_t most_frame_body = 262144;
// "until S14 a device takes 65 536, and 262 144 for grant"
inline constexpr size_t most_device_frame_body = 65536;

// struct { uint8 type; uint32 session; opaque body<0..262144>; } Frame;   session 0 on KK2 and KK3, never 0 on KK1
struct frame {
    uint8_t type = 0;
    uint32_t session = 0;
    wire::opaque<0, most_frame_body> body;
    BERTH_FIELDS(type, session, body)

    [[nodiscard]] bool is(message_type t) const { return type == static_cast<uint8_t>(t); }
};

// The octets of a frame around `message`. Only a value that breaks its own bounds fails, with `too_large`.
template <wire::structure T>
result<bytes> to_frame(message_type type, uint32_t session, const T& message) {
    BERTH_TRY(body, wire::encode(message));
    return wire::encode(frame{static_cast<uint8_t>(type), session, std::move(body)});
}

// Cuts a stream of octets into frames. A frame is judged by its header, before its body is buffered.
class frame_reader {
public:
    // The largest body taken for a type octet.
    using limit = size_t (*)(uint8_t type);
    static size_t server_limit(uint8_t) { return most_frame_body; }
    static size_t device_limit(uint8_t type) {
        return type == static_cast<uint8_t>(message_type::grant) ? most_frame_body : most_device_frame_body;
    }

    explicit frame_reader(limit most) : most_(most) {}

    // What was taken goes first: a peer whose writes never end where a frame ends must not make us keep all that it sent.
    void feed(bytes_view octets) {
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(std::exchange(at_, 0)));
        append(buffer_, octets);
    }
    // The next whole frame; nothing when more octets are needed; error `too_large`.
    result<std::optional<frame>> next();
    [[nodiscard]] size_t buffered() const { return buffer_.size() - at_; }
    // Octets of memory that it keeps.
    [[nodiscard]] size_t held() const { return buffer_.capacity(); }

private:
    limit most_;
    bytes buffer_;
    size_t at_ = 0;
};

}  // namespace berth::onboarding
