#include "net/authkem_stream_asio.h"

#include <boost/asio/connect.hpp>

namespace berth::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// After close_notify the peer's last octets are awaited this long, so that nothing under way is reset.
constexpr milliseconds linger = 2000;

error network_error(const char* name, std::string_view what, const error_code& ec) {
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

authkem_stream::impl::impl(loop& on, std::shared_ptr<const authkem::client_context> context, const clock& time,
                           random_source& random, const stream_limits& l)
    : socket(on.get().context),
      resolver(on.get().context),
      deadline(on.get().context),
      connection(std::move(context), time, random),
      limits(l),
      client(true) {}

void authkem_stream::impl::start_deadline(milliseconds after, const char* name, const char* what) {
    const uint64_t number = ++deadline_number;
    deadline.expires_after(std::chrono::milliseconds(after));
    deadline.async_wait([self = shared_from_this(), number, name, what](const error_code& ec) {
        if (ec || number != self->deadline_number) {
            return;
        }
        if (self->finished) {
            return self->abandon();  // drained long enough
        }
        self->finish(
            error{std::string_view(name) == "slow_peer" ? error_category::peer : error_category::environment, name, what});
    });
}

void authkem_stream::impl::cancel_deadline() {
    ++deadline_number;
    deadline.cancel();
}

void authkem_stream::impl::connect(const address& to) {
    start_deadline(limits.connect, "connect_failed", "the connection was not made in time; is the address right?");
    resolver.async_resolve(
        to.host, std::to_string(to.port),
        [self = shared_from_this(), to](const error_code& ec, tcp::resolver::results_type found) {
            if (self->finished) {
                return;
            }
            if (ec) {
                return self->finish(
                    network_error("connect_failed", fmt::format("the name \"{}\" was not resolved", to.host), ec));
            }
            asio::async_connect(self->socket, found, [self, to](const error_code& failed, const tcp::endpoint&) {
                if (self->finished) {
                    return;
                }
                if (failed) {
                    return self->finish(
                        network_error("connect_failed", fmt::format("no connection to {} was made", to.text()), failed));
                }
                self->begin();
            });
        });
}

void authkem_stream::impl::begin() {
    transport = true;
    began = std::chrono::steady_clock::now();
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
    if (finished || fatal || reading || paused || !transport || held_back()) {
        return;
    }
    reading = true;
    socket.async_read_some(asio::buffer(in), [self = shared_from_this()](const error_code& ec, size_t octets) {
        self->reading = false;
        if (!self->finished) {
            self->on_read(ec, octets);
        }
    });
}

void authkem_stream::impl::on_read(const error_code& ec, size_t octets) {
    if (ec) {
        const auto over = connection.end_of_input();
        if (closing) {
            return finish(has_unsent() ? std::optional<error>(network_error("connection_lost", "the connection broke", ec))
                                       : std::nullopt);
        }
        if (!over && connection.completed() && ec != asio::error::eof) {
            return finish(network_error("connection_lost", "the connection broke", ec));
        }
        return finish(over ? network_error("connection_lost", "the connection broke", ec) : over.error());
    }
    const auto received = connection.receive(bytes_view(in.data(), octets));
    if (!received && !fatal) {
        fatal = received.error();
        start_deadline(linger, "connection_lost", "the connection broke");
    }
    pump();
    read();
}

void authkem_stream::impl::pump() {
    if (!told_established && connection.completed()) {
        told_established = true;
        established = std::chrono::steady_clock::now();
        if (!fatal) {
            cancel_deadline();
        }
        if (const auto held = events; held->on_established) {
            held->on_established();
        }
    }
    deliver();
    if (finished) {
        return;
    }
    if (connection.peer_closed() && !closing && !fatal && !connection.has_received()) {
        return close();  // answers close_notify with ours
    }
    flush();
}

void authkem_stream::impl::deliver() {
    if (finished || !connection.has_received()) {
        return;
    }
    if (closing) {
        std::ignore = connection.take_received();
        return;
    }
    if (const auto held = events; held->on_data) {
        const bytes data = connection.take_received();
        held->on_data(data);
    }
}

void authkem_stream::impl::flush() {
    if (finished || writing || !transport) {
        return;
    }
    if (write_failed) {
        if (fatal) {
            finish(fatal);
        }
        return;
    }
    if (out.empty()) {
        if (!connection.has_output()) {
            return all_is_written();
        }
        out = connection.take_output();
        written = 0;
    }
    writing = true;
    if (told_established && !fatal) {
        start_deadline(limits.stall, "slow_peer", "the other side does not read what it is sent");
    }
    socket.async_write_some(asio::buffer(out) + written, [self = shared_from_this()](const error_code& ec, size_t octets) {
        self->writing = false;
        if (!self->finished) {
            self->on_written(ec, octets);
        }
    });
}

void authkem_stream::impl::on_written(const error_code& ec, size_t octets) {
    if (ec) {
        // The peer may have said why it went: its alert is read first, where there is somebody to read it.
        if (!reading || fatal) {
            return finish(network_error("connection_lost", "the connection broke", ec));
        }
        write_failed = true;
        return start_deadline(linger, "connection_lost", "the connection broke");
    }
    written += octets;
    if (written == out.size()) {
        bytes().swap(out);
        written = 0;
        if (told_established && !fatal) {
            cancel_deadline();
        }
        if (!connection.has_output() && told_established && !closing && !fatal) {
            if (const auto held = events; held->on_drained) {
                held->on_drained();
            }
        }
    }
    flush();
}

void authkem_stream::impl::all_is_written() {
    if (fatal) {
        return finish(fatal);
    }
    if (!closing) {
        return;
    }
    error_code ignored;
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    if (connection.peer_closed()) {
        return finish(std::nullopt);
    }
    // Once: a peer that keeps sending does not hold the connection.
    if (!std::exchange(lingering, true)) {
        start_deadline(linger, "closed", "");
    }
    paused = false;
    read();
}

void authkem_stream::impl::send(bytes_view data) {
    if (finished || closing || sending_over || !connection.send(data)) {
        return;
    }
    flush();
}

void authkem_stream::impl::finish_sending() {
    if (finished || closing || sending_over || !connection.completed()) {
        return;
    }
    sending_over = true;
    connection.close();
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
    if (!told_established && !fatal) {
        start_deadline(linger, "closed", "");
    }
    flush();
}

void authkem_stream::impl::finish(std::optional<error> why) {
    if (finished) {
        return;
    }
    finished = true;
    if (fatal) {
        why = fatal;
    } else if (closing && !has_unsent() && !write_failed) {
        why.reset();
    }
    ended = std::move(why);
    if (fatal && connection.alert_sent() && !has_unsent() && socket.is_open()) {
        drain();
    } else {
        abandon();
    }
    tell_closed();
}

void authkem_stream::impl::tell_closed() {
    // Never from within a call of the owner's, who may be walking over its streams.
    asio::post(socket.get_executor(), [self = shared_from_this()] {
        if (self->dropped || self->told_closed || !self->events->on_closed) {
            return;
        }
        self->told_closed = true;
        const auto held = std::exchange(self->events, std::make_shared<stream_events>());
        held->on_closed(self->ended ? &*self->ended : nullptr);
    });
}

// Closing a socket that has something to read resets the connection, and the peer may then never read our alert: what it
// was sending is read and forgotten until it goes, for a while.
void authkem_stream::impl::drain() {
    error_code ignored;
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    start_deadline(linger, "closed", "");
    struct step {
        std::shared_ptr<impl> self;
        void operator()(const error_code& ec, size_t) {
            if (ec) {
                return self->abandon();
            }
            auto& from = self->socket;
            auto into = asio::buffer(self->in);
            from.async_read_some(into, std::move(*this));
        }
    };
    step{shared_from_this()}(error_code(), 0);
}

void authkem_stream::impl::abandon() {
    error_code ignored;
    cancel_deadline();
    resolver.cancel();
    socket.close(ignored);
}

// ---- the handle

authkem_stream::~authkem_stream() {
    if (!impl_) {
        return;
    }
    impl_->dropped = true;
    impl_->events = std::make_shared<stream_events>();
    if (!impl_->finished) {
        impl_->finished = true;
        impl_->abandon();
    }
}

authkem_stream& authkem_stream::operator=(authkem_stream&& other) noexcept {
    authkem_stream old(std::move(*this));
    impl_ = std::move(other.impl_);
    return *this;
}

authkem_stream authkem_stream::connect(loop& on, const address& to, std::shared_ptr<const authkem::client_context> context,
                                       const clock& time, random_source& random, stream_events events,
                                       const stream_limits& limits) {
    auto made = std::make_shared<impl>(on, std::move(context), time, random, limits);
    *made->events = std::move(events);
    made->connect(to);
    return authkem_stream(std::move(made));
}

void authkem_stream::set_events(stream_events events) {
    impl_->events = std::make_shared<stream_events>(std::move(events));
    if (impl_->finished) {
        impl_->tell_closed();
    } else if (impl_->connection.has_received()) {
        asio::post(impl_->socket.get_executor(), [self = impl_] {
            if (!self->finished) {
                self->pump();
                self->read();
            }
        });
    }
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

void authkem_stream::finish_sending() {
    impl_->finish_sending();
}

void authkem_stream::pause_reading() {
    impl_->paused = true;
}

void authkem_stream::resume_reading() {
    impl_->paused = false;
    impl_->read();
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
    return impl_->out.size() - impl_->written + impl_->connection.unsent();
}

std::string authkem_stream::peer_address() const {
    return impl_->peer;
}

std::optional<std::string> authkem_stream::alert_sent() const {
    const auto sent = impl_->connection.alert_sent();
    return sent ? std::optional<std::string>(authkem::name_of(*sent)) : std::nullopt;
}

std::optional<std::string> authkem_stream::alert_received() const {
    if (const error* why = impl_->connection.failure()) {
        for (const auto& [key, value] : why->params) {
            if (key == "peer_alert") {
                return value;
            }
        }
    }
    return std::nullopt;
}

double authkem_stream::handshake_ms() const {
    return impl_->told_established ? std::chrono::duration<double, std::milli>(impl_->established - impl_->began).count() : 0.0;
}

result<void> authkem_stream::key_update(bool request_peer) {
    BERTH_CHECK(impl_->connection.key_update(request_peer));
    impl_->flush();
    return {};
}

}  // namespace berth::net
