// Making channels of sockets; for net/'s .cpp files only.
#pragma once

#include "net/channel.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

namespace berth::net {

// Null: out of memory.
std::shared_ptr<channel> make_channel(boost::asio::ip::tcp::socket socket, const channel_transport& over);
// To a process of this machine, whose user the kernel has named.
std::shared_ptr<channel> make_channel(boost::asio::local::stream_protocol::socket socket);
// Of the process that connected; nothing: the kernel does not say.
std::optional<uint32_t> user_of(boost::asio::local::stream_protocol::socket& socket);

}  // namespace berth::net
