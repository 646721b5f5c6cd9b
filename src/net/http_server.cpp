#include "net/http_server.h"

#include "net/acceptor_asio.h"
#include "net/channel_asio.h"
#include "net/connection_count.h"
#include "net/http_connection.h"
#include "net/loop_asio.h"

#include <boost/asio/steady_timer.hpp>

#include <cstring>
#include <list>

#include <fcntl.h>
#include <unistd.h>

namespace berth::net {

using boost::system::error_code;
using tcp = boost::asio::ip::tcp;
using local = boost::asio::local::stream_protocol;

// Connections that are taken at once, before others have their turn.
constexpr size_t most_in_a_turn = 64;
// No disk makes these turns long, and who waits is better served by another that is free.
constexpr size_t most_beside_others = 4;

struct http_server::impl : std::enable_shared_from_this<impl> {
    impl(loop& l, http_transport t, std::shared_ptr<http_service> s, std::shared_ptr<connection_count> c = nullptr)
        : on(l),
          acceptor(l.get().context),
          local_acceptor(l.get().context),
          pause(l.get().context),
          transport(std::move(t)),
          service(std::move(s)),
          count(c ? std::move(c)
                  : std::make_shared<connection_count>(service->limits.most_connections,
                                                       service->limits.most_connections_per_address)) {}

    template <class Acceptor>
    void accept(Acceptor& from);
    template <class Acceptor>
    void take_waiting(Acceptor& from);
    void take(tcp::socket socket);
    void take(local::socket socket);
    void tell(const std::string& from, const error& why) const;
    [[nodiscard]] bool may_enter(const std::string& from) const;
    void serve(std::shared_ptr<channel> made, const std::string& from);
    void stop();
    result<channel_transport> transport_now();
    struct served {
        std::shared_ptr<http_connection> connection;
        std::string from;
    };
    void gone(std::list<served>::iterator which);

    loop& on;
    // One of the two is open.
    tcp::acceptor acceptor;
    local::acceptor local_acceptor;
    std::string path;  // of the latter
    boost::asio::steady_timer pause;
    http_transport transport;
    std::shared_ptr<http_service> service;
    std::shared_ptr<connection_count> count;
    std::list<served> connections;
    bool one_of_several = false;  // others take from the same socket
    std::function<void()> drained;
    bool stopped = false;
};

result<channel_transport> http_server::impl::transport_now() {
    if (const auto* tls = std::get_if<tls_http>(&transport)) {
        BERTH_TRY(context, tls->context());
        return channel_transport(std::move(context));
    }
    if (const auto* authkem = std::get_if<authkem_http>(&transport)) {
        BERTH_TRY(context, authkem->context());
        return channel_transport(authkem_server_transport{std::move(context), service->time, authkem->random});
    }
    return channel_transport(std::monostate());
}

template <class Acceptor>
void http_server::impl::accept(Acceptor& from) {
    using socket_type = typename Acceptor::protocol_type::socket;
    from.async_accept([self = shared_from_this(), &from](const error_code& ec, socket_type socket) {
        if (self->stopped) {
            return;
        }
        if (ec) {
            // No descriptor is free, most likely: wait for some to be closed rather than spin.
            self->pause.expires_after(std::chrono::milliseconds(50));
            self->pause.async_wait([self, &from](const error_code& cancelled) {
                if (!cancelled && !self->stopped) {
                    self->accept(from);
                }
            });
            return;
        }
        self->take(std::move(socket));
        self->take_waiting(from);
        if (!self->stopped) {
            self->accept(from);
        }
    });
}

// Those that wait already are taken in the same turn. One in each turn would be as many connections in a second as there are
// turns, however few those become by what a turn's end takes: a commit to the disk.
template <class Acceptor>
void http_server::impl::take_waiting(Acceptor& from) {
    error_code ec;
    from.non_blocking(true, ec);
    const size_t most = one_of_several ? most_beside_others : most_in_a_turn;
    for (size_t i = 1; !ec && i < most && !stopped; ++i) {
        auto socket = from.accept(ec);
        if (ec) {
            return;  // nobody waits; another reason is told again to async_accept
        }
        take(std::move(socket));
    }
}

void http_server::impl::tell(const std::string& from, const error& why) const {
    if (service->failures) {
        service->failures(from, why);
    }
}

bool http_server::impl::may_enter(const std::string& from) const {
    if (count->enter(from)) {
        return true;
    }
    tell(from, {error_category::peer, "too_many_requests", "too many connections at once"});  // the socket closes
    return false;
}

void http_server::impl::take(tcp::socket socket) {
    error_code ignored;
    const std::string from = socket.remote_endpoint(ignored).address().to_string(ignored);
    if (!may_enter(from)) {
        return;
    }
    const auto over = transport_now();
    if (!over) {
        count->leave(from);
        return tell(from, over.error());
    }
    serve(make_channel(std::move(socket), *over), from);
}

void http_server::impl::take(local::socket socket) {
    const auto user = user_of(socket);
    const std::string from = user ? fmt::format("uid:{}", *user) : "uid:unknown";
    if (may_enter(from)) {
        serve(make_channel(std::move(socket)), from);
    }
}

void http_server::impl::serve(std::shared_ptr<channel> made, const std::string& from) {
    if (!made) {
        count->leave(from);
        return tell(from, {error_category::internal, "out_of_memory", "no memory for another connection"});
    }
    const auto at = connections.insert(connections.end(), served{nullptr, from});
    at->connection = std::make_shared<http_connection>(on, std::move(made), service, from, [weak = weak_from_this(), at] {
        if (const auto self = weak.lock(); self && !self->connections.empty()) {
            self->gone(at);
        }
    });
    const auto started = at->connection;
    started->start();
}

void http_server::impl::gone(std::list<served>::iterator which) {
    count->leave(which->from);
    connections.erase(which);
    if (connections.empty()) {
        if (const auto done = std::exchange(drained, nullptr)) {
            done();
        }
    }
}

result<std::unique_ptr<http_server>> http_server::listen(loop& on, const address& at, http_transport transport,
                                                         std::shared_ptr<const http_router> router, const clock& time,
                                                         const http_server_limits& limits) {
    auto service = std::make_shared<http_service>(http_service{std::move(router), time, limits, {}, {}, false, {}, {}});
    auto made = std::make_shared<impl>(on, std::move(transport), std::move(service));
    BERTH_CHECK(open_acceptor(made->acceptor, at, limits.share_port));
    if (const auto* plain = std::get_if<plain_http>(&made->transport); plain && !plain->beyond_loopback) {
        error_code ec;
        if (const auto bound = made->acceptor.local_endpoint(ec); ec || !bound.address().is_loopback()) {
            return fail(
                error_category::usage, "plain_not_loopback",
                fmt::format("{} is not a loopback address: HTTP without encryption is served there only by explicit choice",
                            at.text()));
        }
    }
    made->accept(made->acceptor);
    return std::make_unique<http_server>(std::move(made));
}

result<std::unique_ptr<http_server>> http_server::listen_local(loop& on, const std::string& path, unsigned mode,
                                                               std::shared_ptr<const http_router> router, const clock& time,
                                                               const http_server_limits& limits) {
    auto service = std::make_shared<http_service>(http_service{std::move(router), time, limits, {}, {}, false, {}, {}});
    auto made = std::make_shared<impl>(on, plain_http{}, std::move(service));
    BERTH_CHECK(open_acceptor(made->local_acceptor, path, mode));
    made->path = path;
    made->accept(made->local_acceptor);
    return std::make_unique<http_server>(std::move(made));
}

result<std::unique_ptr<http_server>> http_server::beside(const http_server& first, loop& on) {
    auto& other = *first.impl_;
    auto service = std::make_shared<http_service>(*other.service);
    auto made = std::make_shared<impl>(on, other.transport, std::move(service), other.count);
    error_code ec;
    const auto protocol = other.acceptor.local_endpoint(ec).protocol();
    const int mine = ec ? -1 : ::fcntl(other.acceptor.native_handle(), F_DUPFD_CLOEXEC, 0);
    if (mine >= 0) {
        made->acceptor.assign(protocol, mine, ec);
    }
    if (mine < 0 || ec) {
        const std::string why = ec ? ec.message() : std::strerror(errno);
        if (mine >= 0) {
            ::close(mine);
        }
        return fail(error_category::environment, "listen_failed", "cannot listen on another thread: " + why);
    }
    other.one_of_several = made->one_of_several = true;
    made->accept(made->acceptor);
    return std::make_unique<http_server>(std::move(made));
}

void http_server::impl::stop() {
    stopped = true;
    error_code ignored;
    acceptor.close(ignored);
    local_acceptor.close(ignored);
    if (const auto ours = std::exchange(path, {}); !ours.empty()) {
        ::unlink(ours.c_str());
    }
    pause.cancel();
}

http_server::~http_server() {
    impl_->stop();
    for (const auto& each : std::exchange(impl_->connections, {})) {
        impl_->count->leave(each.from);
        each.connection->abandon();
    }
}

uint16_t http_server::port() const {
    error_code ignored;
    return impl_->acceptor.local_endpoint(ignored).port();
}

size_t http_server::connections() const {
    return impl_->count->size();
}

std::shared_ptr<const connection_count> http_server::count() const {
    return impl_->count;
}

void http_server::watch(std::function<void(const http_exchange&)> exchanges, authkem_listener::failure_handler failures) {
    impl_->service->exchanges = std::move(exchanges);
    impl_->service->failures = std::move(failures);
}

void http_server::redirect(met_handler met, hand_over_handler hand_over) {
    impl_->service->met = std::move(met);
    impl_->service->hand_over = std::move(hand_over);
}

void http_server::drain(std::function<void()> done) {
    impl_->stop();
    impl_->service->draining = true;
    impl_->drained = std::move(done);
    const auto all = impl_->connections;
    for (const auto& each : all) {
        each.connection->drain();
    }
    if (impl_->connections.empty()) {
        impl_->on.post([impl = impl_] {
            if (const auto tell = std::exchange(impl->drained, nullptr)) {
                tell();
            }
        });
    }
}

}  // namespace berth::net
