// Opening a listening socket; for net/'s .cpp files only.
#pragma once

#include "net/address.h"

#include <boost/asio/ip/tcp.hpp>

namespace berth::net {

// Binds and listens. Port 0: a free one. `share_port`: with other acceptors of this process (SO_REUSEPORT).
// Errors `bad_address`, `listen_failed`.
result<void> open_acceptor(boost::asio::ip::tcp::acceptor& acceptor, const address& at, bool share_port);

}  // namespace berth::net
