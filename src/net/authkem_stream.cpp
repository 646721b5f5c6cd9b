#include "net/authkem_stream_asio.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/write.hpp>

namespace berth::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// After close_notify the peer's last octets are awaited this long, so that nothing under way is reset.
constexpr milliseconds linger = 2000;

error network_error(const char* name, const char* what, const error_code& ec) {
    return {error_category::environment, name, fmt::format("{}: {}", what, ec.message())};
}

}  // namespace

authkem_stream::impl::impl(loop& on, tcp::socket s, std::shared_ptr<const authkem::server_context> context, const clock& time,
                           random_source& random, const stream_limits& l)
    : socket(std::move(s)),
      resolver(on.get().context),
      deadline(on.get().context),
      connection(std::move(context), time, random),
      limits(l),
      client(false) {}

authkem_stream::impl::impl(loop& on, std::shared_ptr<const authkem::client_context> context, const clock& time, random_source& random,
                           const stream_limits& l)
    : socket(on.get().context),
      resolver(on.get().context),
      deadline(on.get().context),
      connection(std::move(context), time, random),
      limits(l),
      client(true) {}

void authkem_stream::impl::start_deadline(milliseconds after, const char* name, const char* what) {
    deadline.expires_after(std::chrono::milliseconds(after));
    deadline.async_wait([self = shared_from_this(), name, what](const error_code& ec) {
        if (!ec) {
            self->finish(error{error_category::environment, name, what});
        }
    });
}

void authkem_stream::impl::connect(const address& to) {
    start_deadline(limits.connect, "connect_failed", "the connection was not made in time; is the address right?");
    resolver.async_resolve(to.host, std::to_string(to.port), [self = shared_from_this()](const error_code& ec, tcp::resolver::results_type found) {
        if (ec) {
            return self->finish(network_error("connect_failed", "the host's name was not resolved", ec));
        }
        asio::async_connect(self->socket, found, [self](const error_code& failed, const tcp::endpoint&) {
            if (failed) {
                return self->finish(network_error("connect_failed", "the connection was not made", failed));
            }
            self->begin();
        });
    });
}

void authkem_stream::impl::begin() {
    if (finished) {
        return;
    }
    transport = true;
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const auto remote = socket.remote_endpoint(ignored);
    peer = address{remote.address().to_string(ignored), remote.port()}.text();
    start_deadline(limits.handshake, "handshake_timeout", "the handshake was not completed in time");
    if (client) {
        if (auto started = connection.start(); !started) {
            return finish(std::move(started).error());
        }
        flush();
    }
    read();
}

void authkem_stream::impl::read() {
    socket.async_read_some(asio::buffer(in), [self = shared_from_this()](const error_code& ec, size_t octets) {
        if (self->finished) {
            return;
        }
        if (ec) {
            const auto ended = self->connection.end_of_input();
            if (self->closing || (ended && self->connection.peer_closed())) {
                return self->finish(std::nullopt);
            }
            return self->finish(ended ? network_error("connection_lost", "the connection broke", ec) : ended.error());
        }
        const auto received = self->connection.receive(bytes_view(self->in.data(), octets));
        if (!received && !self->fatal) {
            self->fatal = received.error();
        }
        self->pump();
        if (!self->finished && !self->fatal) {
            self->read();
        }
    });
}

void authkem_stream::impl::pump() {
    if (!told_established && connection.completed()) {
        told_established = true;
        deadline.cancel();
        if (const auto held = events; held->on_established) {
            held->on_established();
        }
    }
    if (finished) {
        return;
    }
    if (connection.has_received()) {
        const bytes data = connection.take_received();
        if (const auto held = events; held->on_data && !closing) {
            held->on_data(data);
        }
    }
    if (finished) {
        return;
    }
    if (connection.peer_closed() && !closing && !fatal) {
        close();  // answer close_notify with ours
        return;
    }
    flush();
}

void authkem_stream::impl::flush() {
    if (finished || writing || !transport) {
        return;
    }
    if (!connection.has_output()) {
        if (fatal) {
            return finish(fatal);
        }
        if (closing) {
            error_code ignored;
            socket.shutdown(tcp::socket::shutdown_send, ignored);
            if (connection.peer_closed()) {
                return finish(std::nullopt);
            }
            start_deadline(linger, "closed", "");
        }
        return;
    }
    out = connection.take_output();
    writing = true;
    asio::async_write(socket, asio::buffer(out), [self = shared_from_this()](const error_code& ec, size_t) {
        self->writing = false;
        bytes().swap(self->out);
        if (self->finished) {
            return;
        }
        if (ec) {
            return self->finish(self->fatal ? *self->fatal : network_error("connection_lost", "the connection broke", ec));
        }
        self->flush();
    });
}

void authkem_stream::impl::send(bytes_view data) {
    if (finished || closing || !connection.completed()) {
        return;
    }
    if (auto sent = connection.send(data); !sent) {
        return;
    }
    flush();
}

void authkem_stream::impl::close() {
    if (finished || closing) {
        return;
    }
    closing = true;
    if (!transport) {
        return finish(std::nullopt);
    }
    connection.close();
    flush();
}

void authkem_stream::impl::finish(std::optional<error> why) {
    if (finished) {
        return;
    }
    finished = true;
    abandon();
    if (closing && !fatal) {
        why.reset();
    }
    // Never from within a call of the owner's, who may be walking over its streams.
    asio::post(socket.get_executor(), [self = shared_from_this(), held = std::exchange(events, std::make_shared<stream_events>()), why] {
        if (!self->dropped && held->on_closed) {
            held->on_closed(why ? &*why : nullptr);
        }
    });
}

void authkem_stream::impl::abandon() {
    error_code ignored;
    deadline.cancel();
    resolver.cancel();
    socket.close(ignored);
}

// ---- the handle

authkem_stream::~authkem_stream() {
    if (impl_) {
        impl_->dropped = true;
    }
    if (impl_ && !impl_->finished) {
        impl_->finished = true;
        impl_->events = std::make_shared<stream_events>();
        impl_->abandon();
    }
}

authkem_stream& authkem_stream::operator=(authkem_stream&& other) noexcept {
    authkem_stream old(std::move(*this));
    impl_ = std::move(other.impl_);
    return *this;
}

authkem_stream authkem_stream::connect(loop& on, const address& to, std::shared_ptr<const authkem::client_context> context,
                                       const clock& time, random_source& random, stream_events events, const stream_limits& limits) {
    auto made = std::make_shared<impl>(on, std::move(context), time, random, limits);
    *made->events = std::move(events);
    made->connect(to);
    return authkem_stream(std::move(made));
}

void authkem_stream::set_events(stream_events events) {
    impl_->events = std::make_shared<stream_events>(std::move(events));
}

void authkem_stream::send(bytes_view data) {
    impl_->send(data);
    if (unsent() > impl_->limits.most_unsent) {
        // Not from within the caller's own call.
        asio::post(impl_->socket.get_executor(), [self = impl_] {
            self->finish(error{error_category::peer, "slow_peer", "the other side does not read what it is sent"});
        });
    }
}

void authkem_stream::close() {
    impl_->close();
}

bool authkem_stream::established() const {
    return impl_->connection.completed();
}

authkem::session* authkem_stream::session() {
    return impl_->connection.session();
}

uint64_t authkem_stream::octets_sent() const {
    return impl_->connection.octets_sent();
}

uint64_t authkem_stream::octets_received() const {
    return impl_->connection.octets_received();
}

size_t authkem_stream::unsent() const {
    return impl_->out.size() + impl_->connection.unsent();
}

std::string authkem_stream::peer_address() const {
    return impl_->peer;
}

std::optional<std::string> authkem_stream::alert_sent() const {
    const auto sent = impl_->connection.alert_sent();
    return sent ? std::optional<std::string>(authkem::name_of(*sent)) : std::nullopt;
}

result<void> authkem_stream::key_update(bool request_peer) {
    BERTH_CHECK(impl_->connection.key_update(request_peer));
    impl_->flush();
    return {};
}

}  // namespace berth::net
