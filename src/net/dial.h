// Making a connection to a server: its name resolved, one of its addresses reached, the handshake done. Internal to net.
#pragma once

#include "net/address.h"
#include "net/channel.h"

namespace berth::net {

class dialler : public std::enable_shared_from_this<dialler> {
public:
    struct patience {
        milliseconds connect = 10'000, handshake = 10'000;
    };
    // With the handshake done. Errors: `connect_failed`, `handshake_timeout`; a handshake's.
    using reached = std::function<void(result<std::shared_ptr<channel>>)>;

    // `then` is called once, on the loop, never from within this call.
    static std::shared_ptr<dialler> start(loop& on, const address& to, const channel_transport& over, patience most,
                                          reached then);
    // It is not called any more, and what was begun is given up.
    void abandon();

    dialler(loop& on, reached then) : then_(std::move(then)), deadline_(on) {}

private:
    struct sockets;
    void limit(milliseconds after, const char* name, const char* what);
    void end(result<std::shared_ptr<channel>> outcome);

    reached then_;
    timer deadline_;
    std::shared_ptr<sockets> sockets_;
    std::shared_ptr<channel> through_;
};

}  // namespace berth::net
