#include "net/websocket.h"

#include "base/wipe.h"
#include "net/channel.h"

namespace berth::net {

namespace {

constexpr size_t most_at_once = 64 * 1024;

}  // namespace

websocket::websocket(loop& on, std::shared_ptr<channel> over, std::shared_ptr<const peer_info> peer,
                     const websocket_limits& limits, std::function<void()> gone)
    : on_(on),
      channel_(std::move(over)),
      peer_(std::move(peer)),
      limits_(limits),
      gone_(std::move(gone)),
      reader_(limits.most_message),
      quiet_(on),
      writing_(on),
      closing_(on) {}

void websocket::start(handlers to) {
    if (phase_ == phase::over) {
        return;
    }
    to_ = std::move(to);
    heard_ = std::chrono::steady_clock::now();
    look();
    on_.post([self = shared_from_this()] {
        bytes first = std::exchange(self->input_, {});
        self->received(first);
        wipe(first);
        self->read();
    });
}

// One timer goes round, instead of one that is set back with each octet.
void websocket::look() {
    quiet_.arm(limits_.quiet, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self || self->phase_ != phase::open) {
            return;
        }
        const bool quiet =
            !self->paused_ && std::chrono::steady_clock::now() - self->heard_ >= std::chrono::milliseconds(self->limits_.quiet);
        if (quiet && self->pinged_) {
            return self->broken({error_category::peer, "quiet", "nothing was heard of the other side, and it does not answer"});
        }
        if (quiet) {
            self->pinged_ = true;
            self->queue(websocket_frame(websocket_opcode::ping, {}));
        }
        self->look();
    });
}

void websocket::read() {
    if (reading_ || paused_ || phase_ == phase::over || shut_) {
        return;
    }
    reading_ = true;
    channel_->read([self = shared_from_this()](const error* why, bytes_view octets) {
        self->reading_ = false;
        if (self->phase_ == phase::over || self->shut_) {
            return;
        }
        if (why) {
            return self->broken(*why);
        }
        if (octets.empty()) {
            return self->broken({error_category::peer, "truncated", "the connection ended without a closing handshake"});
        }
        self->heard_ = std::chrono::steady_clock::now();
        self->pinged_ = false;
        bytes own = to_bytes(octets);
        self->received(own);
        wipe(own);  // passwords come this way
        self->read();
    });
}

void websocket::received(std::span<uint8_t> octets) {
    while (phase_ != phase::over && !they_closed_) {
        const auto piece = reader_.next(octets);
        if (!piece) {
            return refuse(piece.error());
        }
        if (!*piece) {
            return;
        }
        take(**piece);
    }
}

void websocket::take(const websocket_piece& piece) {
    switch (piece.what) {
    case websocket_opcode::ping:
        // RFC 6455 5.5.3: "it MAY elect to send a Pong frame for only the most recently processed Ping frame."
        if (phase_ == phase::open) {
            pong_ = websocket_frame(websocket_opcode::pong, piece.octets);
            write();
        }
        return;
    case websocket_opcode::close:
        they_closed_ = true;
        if (phase_ == phase::open) {
            // RFC 6455 5.5.1: "the endpoint MUST send a Close frame in response".
            phase_ = phase::closing;
            queue(websocket_close_frame(piece.code == websocket_code::none ? websocket_code::normal : piece.code));
            tell(nullptr);
            closing_.arm(limits_.closing, [weak = weak_from_this()] {
                if (const auto self = weak.lock()) {
                    self->end();
                }
            });
        }
        return finish();
    case websocket_opcode::binary:
        if (phase_ == phase::open && to_.octets) {
            const auto hand_on = to_.octets;  // it may end us
            hand_on(piece.octets);
        }
        return;
    default: return;
    }
}

void websocket::send(bytes_view octets) {
    if (phase_ == phase::open && !octets.empty()) {
        queue(websocket_frame(websocket_opcode::binary, octets));
    }
}

void websocket::queue(bytes frame) {
    queued_ += frame.size();
    queue_.push_back(std::move(frame));
    write();
}

void websocket::write() {
    if (under_way_ > 0 || phase_ == phase::over || shut_) {
        return;
    }
    bytes out = pong_ ? std::move(*pong_) : bytes();
    pong_.reset();
    while (!queue_.empty() && out.size() < most_at_once) {
        append(out, queue_.front());
        queued_ -= queue_.front().size();
        queue_.pop_front();
    }
    if (out.empty()) {
        return finish();
    }
    under_way_ = out.size();
    writing_.arm(limits_.writing, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->broken({error_category::peer, "slow_peer", "the other side does not read what it is sent"});
        }
    });
    channel_->write(std::move(out), [self = shared_from_this()](const error* why) { self->written(why); });
}

void websocket::written(const error* why) {
    under_way_ = 0;
    writing_.cancel();
    if (phase_ == phase::over) {
        return;
    }
    if (why) {
        return broken(*why);
    }
    write();
    if (under_way_ == 0 && phase_ == phase::open && to_.taken) {
        const auto say = to_.taken;
        say();
    }
}

void websocket::resume() {
    if (std::exchange(paused_, false)) {
        heard_ = std::chrono::steady_clock::now();
        read();
    }
}

void websocket::refuse(const error& why) {
    const auto code = close_code_of(why);
    they_closed_ = true;  // what comes further is not WebSocket's
    tell(&why);
    if (phase_ == phase::open) {
        close(code, why.message);
    }
    finish();
}

void websocket::close(uint16_t code, std::string_view reason) {
    if (phase_ != phase::open) {
        return;
    }
    phase_ = phase::closing;
    const auto forgotten = std::exchange(to_, {});
    paused_ = false;
    closing_.arm(limits_.closing, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->end();
        }
    });
    queue(websocket_close_frame(code, reason));
    read();
}

void websocket::go_away() {
    const error why{error_category::environment, "going_away", "the server is going away"};
    tell(&why);
    close(websocket_code::going_away, why.message);
}

// When both have said that they close, and all is written.
void websocket::finish() {
    const bool all_said = phase_ == phase::closing && they_closed_ && under_way_ == 0 && queue_.empty();
    if (!all_said || shut_) {
        return;
    }
    shut_ = true;
    channel_->shutdown([self = shared_from_this()] { self->end(); });
}

void websocket::tell(const error* why) {
    const auto told = std::exchange(to_, {});
    if (told.over) {
        told.over(why);
    }
}

void websocket::broken(const error& why) {
    if (phase_ != phase::over) {
        const auto self = shared_from_this();
        tell(&why);
        end();
    }
}

void websocket::end() {
    if (phase_ == phase::over) {
        return;
    }
    const auto self = shared_from_this();
    abandon();
    if (const auto tell_it = std::exchange(gone_, nullptr)) {
        tell_it();
    }
}

void websocket::abandon() {
    if (std::exchange(phase_, phase::over) == phase::over) {
        return;
    }
    for (auto* one : {&quiet_, &writing_, &closing_}) {
        one->cancel();
    }
    channel_->abort();
    const error why{error_category::environment, "going_away", "the server is going away"};
    tell(&why);
}

}  // namespace berth::net
