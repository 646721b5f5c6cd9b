// A connection of any kind, as what speaks HTTP over it sees it. Internal to net.
#pragma once

#include "authkem/config.h"
#include "base/random.h"
#include "net/loop.h"
#include "net/peer_info.h"
#include "net/tls.h"

namespace berth::net {

// One thread; one read and one write under way at a time. Callbacks come from the loop, never from within the call that asked
// for them, and keep the channel alive until they have come. After abort() what is under way ends with an error.
class channel : public std::enable_shared_from_this<channel> {
public:
    using done = std::function<void(const error* why)>;
    // Octets, valid during the call; none and no error: the peer has closed in an orderly way.
    using got = std::function<void(const error* why, bytes_view octets)>;

    virtual ~channel() = default;
    virtual void handshake(done then) = 0;
    virtual void read(got then) = 0;
    virtual void write(bytes data, done then) = 0;
    // Says that no more will come (close_notify, FIN), then reads and forgets until the peer closes too. Takes as long as the
    // peer likes: the caller has a timer, and abort().
    virtual void shutdown(std::function<void()> then) = 0;
    virtual void abort() = 0;
    // After the handshake.
    virtual peer_info describe() = 0;
};

// What a connection runs over.
struct authkem_client_transport {
    std::shared_ptr<const authkem::client_context> context;
    const clock& time;
    random_source& random;
};
struct authkem_server_transport {
    std::shared_ptr<const authkem::server_context> context;
    const clock& time;
    random_source& random;
};
using channel_transport =
    std::variant<std::monostate, std::shared_ptr<const tls_context>, authkem_client_transport, authkem_server_transport>;

}  // namespace berth::net
