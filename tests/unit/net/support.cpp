#include "unit/net/support.h"

#include "crypto/random.h"

#include <cerrno>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace berth::net::test {

const clock& test_clock() {
    static const manual_clock c(now);
    return c;
}

guarded_loop::guarded_loop(milliseconds at_most) : guard_(*this), at_most_(at_most) {}

void guarded_loop::run() {
    guard_.arm(at_most_, [this] {
        ADD_FAILURE() << "nothing came of it in time";
        stop();
    });
    loop::run();
    guard_.cancel();
}

std::shared_ptr<const authkem::client_context> client_context(authkem::client_config config) {
    auto made = authkem::client_context::make(std::move(config));
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made.value_or(nullptr);
}

std::shared_ptr<const authkem::server_context> server_context(authkem::server_config config) {
    auto made = authkem::server_context::make(std::move(config));
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made.value_or(nullptr);
}

served::served(loop& on, authkem::server_config config, const listener_limits& limits)
    : served(on, [context = server_context(std::move(config))] { return context; }, limits) {}

served::served(loop& on, authkem_listener::context_source source, const listener_limits& limits, const address& where)
    : on_accept([this](authkem_stream s) { streams.push_back(std::move(s)); }),
      on_failure([this](const std::string&, const error& why) { failures.push_back(why); }) {
    auto made = authkem_listener::listen(
        on, where, std::move(source), test_clock(), crypto::system_random(),
        [this](authkem_stream s) { on_accept(std::move(s)); },
        [this](const std::string& from, const error& why) { on_failure(from, why); }, limits);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    listener = std::move(*made);
}

std::string told::param(std::string_view name) const {
    for (const auto& [key, value] : params) {
        if (key == name) {
            return value;
        }
    }
    return {};
}

stream_events write_down(told& into, std::function<void()> when_closed, std::function<void()> when_established) {
    stream_events events;
    events.on_established = [&into, done = std::move(when_established)] {
        EXPECT_FALSE(into.established || into.closed);
        into.established = true;
        if (done) {
            done();
        }
    };
    events.on_data = [&into](bytes_view data) {
        EXPECT_FALSE(into.closed);
        append(into.data, data);
    };
    events.on_closed = [&into, done = std::move(when_closed)](const error* why) {
        EXPECT_FALSE(into.closed);
        into.closed = true;
        into.end = why ? why->name : "orderly";
        if (why) {
            into.params = why->params;
        }
        if (done) {
            done();
        }
    };
    return events;
}

authkem_stream connect(loop& on, const address& to, stream_events events, authkem::client_config config,
                       const stream_limits& limits) {
    return authkem_stream::connect(on, to, client_context(std::move(config)), test_clock(), crypto::system_random(),
                                   std::move(events), limits);
}

raw_socket::raw_socket(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd_ >= 0 && ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        ::close(std::exchange(fd_, -1));
    }
}

raw_socket::~raw_socket() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

void raw_socket::send(bytes_view data) {
    while (!data.empty()) {
        const ssize_t sent = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            reset = true;
            return;
        }
        data = data.subspan(static_cast<size_t>(sent));
    }
}

bytes raw_socket::receive(size_t most) {
    bytes out;
    while (out.size() < most) {
        pollfd waiting{fd_, POLLIN, 0};
        if (::poll(&waiting, 1, 5000) <= 0) {
            return out;
        }
        uint8_t block[4096];
        const ssize_t got = ::recv(fd_, block, std::min(sizeof block, most - out.size()), 0);
        if (got <= 0) {
            closed = true;
            reset = reset || got < 0;
            return out;
        }
        append(out, {block, static_cast<size_t>(got)});
    }
    return out;
}

void raw_socket::finish_sending() {
    ::shutdown(fd_, SHUT_WR);
}

}  // namespace berth::net::test
