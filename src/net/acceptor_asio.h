// Opening a listening socket; for net/'s .cpp files only.
#pragma once

#include "net/address.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

namespace berth::net {

// Binds and listens. Port 0: a free one. `share_port`: with other acceptors of this process (SO_REUSEPORT).
// Errors `bad_address`, `listen_failed`.
result<void> open_acceptor(boost::asio::ip::tcp::acceptor& acceptor, const address& at, bool share_port);

// The same at a path. A socket that nobody answers at any more is taken away first. Errors `bad_address` (too long for a
// socket, no socket), `listen_failed` (another process serves there, directories).
result<void> open_acceptor(boost::asio::local::stream_protocol::acceptor& acceptor, const std::string& path, unsigned mode);

}  // namespace berth::net
