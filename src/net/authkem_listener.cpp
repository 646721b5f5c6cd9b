#include "net/authkem_listener.h"

#include "net/acceptor_asio.h"
#include "net/authkem_stream_asio.h"

#include <list>

namespace berth::net {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

namespace {

// What counts as one place to come from.
std::string place_of(const asio::ip::address& a) {
    if (a.is_v4() || a.to_v6().is_v4_mapped()) {
        return a.to_string();
    }
    auto octets = a.to_v6().to_bytes();
    std::fill(octets.begin() + 8, octets.end(), uint8_t{0});
    return asio::ip::address_v6(octets).to_string() + "/64";
}

}  // namespace

struct authkem_listener::impl : std::enable_shared_from_this<impl> {
    impl(loop& l, context_source c, const clock& t, random_source& r, accept_handler a, failure_handler f,
         const listener_limits& m)
        : on(l),
          acceptor(l.get().context),
          pause(l.get().context),
          context(std::move(c)),
          time(t),
          random(r),
          accepted(std::move(a)),
          failed(std::move(f)),
          limits(m) {}

    struct pending {
        authkem_stream stream;
        std::string from;
    };

    void accept();
    void take(tcp::socket socket);
    void forget(std::list<pending>::iterator which, const std::string& from);
    void drop(std::list<pending>::iterator which, const error& why);
    void tell_failed(const std::string& from, const error& why);

    loop& on;
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    context_source context;
    const clock& time;
    random_source& random;
    accept_handler accepted;
    failure_handler failed;
    failure_watcher watch;
    listener_limits limits;
    std::list<pending> handshakes;
    std::map<std::string, size_t> per_address;
    bool stopped = false;
};

void authkem_listener::impl::accept() {
    acceptor.async_accept([self = shared_from_this()](const error_code& ec, tcp::socket socket) {
        if (self->stopped) {
            return;
        }
        if (ec) {
            // No descriptor is free, most likely: wait for some to be closed rather than spin.
            self->pause.expires_after(std::chrono::milliseconds(50));
            self->pause.async_wait([self](const error_code& cancelled) {
                if (!cancelled) {
                    self->accept();
                }
            });
            return;
        }
        self->take(std::move(socket));
        self->accept();
    });
}

void authkem_listener::impl::take(tcp::socket socket) {
    error_code ignored;
    const std::string from = place_of(socket.remote_endpoint(ignored).address());
    const auto known = per_address.find(from);
    if (known != per_address.end() && known->second >= limits.most_handshakes_per_address) {
        return tell_failed(from,
                           error{error_category::peer, "too_many_requests", "too many handshakes at once"});  // the socket closes
    }
    if (handshakes.size() >= limits.most_handshakes) {
        // The oldest has had the most time, and did not use it: silence from many places keeps nobody out.
        drop(handshakes.begin(),
             error{error_category::peer, "too_many_requests", "too many handshakes at once; the oldest goes"});
    }
    auto server = context();
    if (!server) {
        return tell_failed(from, server.error());
    }
    auto made = std::make_shared<authkem_stream::impl>(on, std::move(socket), std::move(*server), time, random, limits.stream);
    ++per_address[from];
    const auto at = handshakes.insert(handshakes.end(), pending{authkem_stream(made), from});
    made->events->on_established = [self = weak_from_this(), at] {
        if (const auto listener = self.lock()) {
            authkem_stream stream = std::move(at->stream);
            listener->forget(at, at->from);
            stream.set_events({});
            listener->accepted(std::move(stream));
        }
    };
    made->events->on_closed = [self = weak_from_this(), at](const error* why) {
        if (const auto listener = self.lock()) {
            const pending gone = std::move(*at);
            const error reason =
                why ? *why : error{error_category::peer, "closed_in_handshake", "the peer closed during the handshake"};
            listener->forget(at, gone.from);
            if (listener->watch) {
                listener->watch(gone.stream, reason);
            }
            listener->tell_failed(gone.from, reason);
        }
    };
    made->begin();
}

void authkem_listener::impl::drop(std::list<pending>::iterator which, const error& why) {
    const pending gone = std::move(*which);  // with it goes the connection, which calls nobody any more
    forget(which, gone.from);
    tell_failed(gone.from, why);
}

void authkem_listener::impl::tell_failed(const std::string& from, const error& why) {
    if (failed) {
        failed(from, why);
    }
}

void authkem_listener::impl::forget(std::list<pending>::iterator which, const std::string& from) {
    const auto count = per_address.find(from);
    if (count != per_address.end() && --count->second == 0) {
        per_address.erase(count);
    }
    handshakes.erase(which);
}

result<std::unique_ptr<authkem_listener>> authkem_listener::listen(loop& on, const address& at, context_source context,
                                                                   const clock& time, random_source& random,
                                                                   accept_handler accepted, failure_handler failed,
                                                                   const listener_limits& limits) {
    auto made = std::make_shared<impl>(on, std::move(context), time, random, std::move(accepted), std::move(failed), limits);
    if (auto open = open_acceptor(made->acceptor, at, limits.share_port); !open) {
        return fail(std::move(open).error());
    }
    made->accept();
    return std::make_unique<authkem_listener>(std::move(made));
}

authkem_listener::~authkem_listener() {
    impl_->stopped = true;
    error_code ignored;
    impl_->acceptor.close(ignored);
    impl_->pause.cancel();
    impl_->handshakes.clear();
}

uint16_t authkem_listener::port() const {
    error_code ignored;
    return impl_->acceptor.local_endpoint(ignored).port();
}

void authkem_listener::watch_failures(failure_watcher watch) {
    impl_->watch = std::move(watch);
}

void authkem_listener::drop_handshakes() {
    while (!impl_->handshakes.empty()) {
        impl_->drop(impl_->handshakes.begin(),
                    error{error_category::peer, "replaced", "certificates or trust have changed during the handshake"});
    }
}

size_t authkem_listener::handshakes() const {
    return impl_->handshakes.size();
}

}  // namespace berth::net
