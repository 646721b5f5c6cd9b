// The Asio side of loop.h; for net/'s .cpp files only.
#pragma once

#include "net/loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

namespace berth::net {

struct loop::impl {
    boost::asio::io_context context{1};
    std::optional<boost::asio::signal_set> signals;
    std::optional<boost::asio::signal_set> hangups;
    std::function<void()> reload;
    void await_hangup();
    std::vector<std::function<void()>> turn_end;
    bool turn_end_posted = false;
};

}  // namespace berth::net
