// Making channels of sockets; for net/'s .cpp files only.
#pragma once

#include "net/channel.h"

#include <boost/asio/ip/tcp.hpp>

namespace berth::net {

// Null: out of memory.
std::shared_ptr<channel> make_channel(boost::asio::ip::tcp::socket socket, const channel_transport& over);

}  // namespace berth::net
