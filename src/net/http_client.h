// An HTTP/1.1 client: one origin, one connection that is kept, one request after the other.
#pragma once

#include "net/channel.h"
#include "net/http_codec.h"

namespace berth::net {

struct http_client_options {
    http_size_limits size{64 * 1024, 16 * 1024 * 1024};
    milliseconds connect = 10'000;
    milliseconds handshake = 10'000;
    milliseconds response = 60'000;  // from sending a request to the end of its response
    milliseconds idle = 30'000;      // before a connection that nobody uses is closed
};

class http_client {
public:
    using answer_handler = std::function<void(result<http_response>)>;
    using peer_handler = std::function<void(result<std::shared_ptr<const peer_info>>)>;

    // `over`: nothing (plain), a TLS client context, or AuthKEM. `origin` names the host for Host too.
    http_client(loop& on, address origin, channel_transport over, const http_client_options& options = {});
    ~http_client();  // what is under way is given up; handlers are not called
    http_client(http_client&&) noexcept = default;
    http_client& operator=(http_client&&) = delete;

    // Errors: `connect_failed`, `handshake_timeout`, `response_timeout`, `connection_lost`, `truncated`; a handshake's; those
    // of response_reader. A request that a kept connection swallowed is sent once more if its method is idempotent.
    void send(http_request request, answer_handler then);
    // Makes the connection, if there is none, and says who is there: the next request goes to this peer or fails, unless
    // other requests were queued before.
    void connect(peer_handler then);
    // Closes the connection once nothing is under way.
    void close();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace berth::net
