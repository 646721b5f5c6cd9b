#include "net/http_front.h"

#include "net/connection_count.h"
#include "net/loop_asio.h"
#include "net/mailbox.h"

#include <boost/asio/executor_work_guard.hpp>

#include <system_error>
#include <thread>
#include <unordered_map>

namespace berth::net {

namespace {

tl::unexpected<error> not_drawn() {
    return fail(error_category::usage, "no_channel", "nothing of the connection was kept that could be bound to like this");
}

// A handshake's secrets as values: whoever asks for them is on another thread than the connection.
void detach(peer_info& who, const std::vector<http_front_options::exported>& exports) {
    struct kept {
        std::string label;
        secret_bytes value;
    };
    auto drawn = std::make_shared<std::vector<kept>>();
    for (const auto& each : exports) {
        if (auto value = who.exporter ? who.exporter(each.label, {}, each.length) : result<secret_bytes>(not_drawn())) {
            drawn->push_back({each.label, std::move(*value)});
        }
    }
    who.exporter = [drawn](std::string_view label, bytes_view context, size_t length) -> result<secret_bytes> {
        for (const auto& each : *drawn) {
            if (each.label == label && context.empty() && each.value.size() == length) {
                return each.value;
            }
        }
        return not_drawn();
    };
    if (!who.tls_unique || who.protocol != "TLSv1.2") {
        who.tls_unique = nullptr;
        return;
    }
    auto first = std::make_shared<result<secret_bytes>>(who.tls_unique());
    who.tls_unique = [first]() -> result<secret_bytes> { return *first; };
}

using work_guard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

// One thread with its connections. Made and ended by the caller's thread; all between is on its own.
struct side {
    side() : box(std::make_shared<mailbox>(on)), busy(on.get().context.get_executor()) {}

    // A request of this side's goes to the caller's loop, and is answered by its number. One that the loop comes to when its
    // connection has been told that it was too late is passed over: nothing is done for nobody.
    void hand_over(mailbox& to, const http_router::async_handler& handler, std::shared_ptr<const http_router> router,
                   http_request request, http_responder respond) {
        // Those that were too late are still in the loop's hands, and are counted, too.
        if (waiting.size() >= limits.most_connections) {
            return respond(http_response::failure(
                {error_category::environment, "busy", "there are too many requests: come again later"}, 503));
        }
        const uint64_t number = ++last;
        const auto too_late = std::chrono::steady_clock::now() + std::chrono::milliseconds(limits.handling);
        waiting.emplace(number, std::move(respond));
        // The router is held for the handler's sake. What comes back comes to the box, which outlives this side and knows when
        // it has ended.
        to.put([this, &handler, held = std::move(router), back = box, number, too_late, asked = std::move(request)]() mutable {
            if (std::chrono::steady_clock::now() >= too_late) {
                return back->put([this, number] { waiting.erase(number); });
            }
            handler(std::move(asked), http_responder([this, back, number](http_response response) {
                        back->put([this, number, said = std::move(response)]() mutable { answer(number, std::move(said)); });
                    }));
        });
    }
    void answer(uint64_t number, http_response response) {
        if (auto found = waiting.extract(number)) {
            found.mapped()(std::move(response));
        }
    }
    void end() {
        box->close();
        server.reset();
        waiting.clear();
        on.stop();
    }

    loop on;
    std::shared_ptr<mailbox> box;
    work_guard busy;
    std::unique_ptr<http_server> server;
    http_server_limits limits;
    std::unordered_map<uint64_t, http_responder> waiting;
    uint64_t last = 0;
    std::thread thread;
};

}  // namespace

struct http_front::impl {
    explicit impl(loop& l) : on(l), box(std::make_shared<mailbox>(l)) {}

    result<void> start(const std::shared_ptr<const http_router>& router, const http_front_options& options);
    void end();

    loop& on;
    std::shared_ptr<mailbox> box;         // to the caller's loop
    std::unique_ptr<http_server> server;  // without threads
    std::vector<std::unique_ptr<side>> sides;
    // The caller's loop waits for requests as it would with an acceptor of its own; until the front has drained.
    std::shared_ptr<work_guard> busy;
    std::shared_ptr<const connection_count> count;
    uint16_t port = 0;
    size_t not_drained = 0;
    std::function<void()> drained;
};

http_front::http_front(std::unique_ptr<impl> i) : impl_(std::move(i)) {}

result<void> http_front::impl::start(const std::shared_ptr<const http_router>& router, const http_front_options& options) {
    for (const auto& each : sides) {
        each->server->redirect([exports = options.exports](peer_info& who) { detach(who, exports); },
                               [at = each.get(), to = box, router](const http_router::async_handler& handler,
                                                                   http_request request, http_responder respond) {
                                   at->hand_over(*to, handler, router, std::move(request), std::move(respond));
                               });
    }
    for (const auto& each : sides) {
        try {
            each->thread = std::thread([at = each.get()] { at->on.run(); });
        } catch (const std::system_error& e) {
            return fail(
                error_category::environment, "no_thread",
                fmt::format("the system gives no thread for connections: {}; raise its limit, or ask for fewer", e.what()));
        }
    }
    return {};
}

result<std::unique_ptr<http_front>> http_front::listen(loop& on, const address& at, http_transport transport,
                                                       std::shared_ptr<const http_router> router, const clock& time,
                                                       http_front_options options) {
    auto front = std::make_unique<http_front>(std::make_unique<impl>(on));
    auto& made = *front->impl_;
    const size_t threads = std::holds_alternative<authkem_http>(transport) ? 0 : options.threads;
    for (size_t i = 0; i < threads; ++i) {
        made.sides.push_back(std::make_unique<side>());
        made.sides.back()->limits = options.limits;
    }
    loop& first_on = made.sides.empty() ? on : made.sides.front()->on;
    BERTH_TRY(first, http_server::listen(first_on, at, std::move(transport), router, time, options.limits));
    made.port = first->port();
    made.count = first->count();
    if (made.sides.empty()) {
        made.server = std::move(first);
        return front;
    }
    for (size_t i = 1; i < threads; ++i) {
        BERTH_TRY(next, http_server::beside(*first, made.sides[i]->on));
        made.sides[i]->server = std::move(next);
    }
    made.sides.front()->server = std::move(first);
    made.busy = std::make_shared<work_guard>(on.get().context.get_executor());
    BERTH_CHECK(made.start(router, options));
    return front;
}

void http_front::impl::end() {
    box->close();
    if (busy) {
        // By the loop itself: one that has nothing to wait for while it does not run would take that for its end.
        on.post([until_then = std::move(busy)] {});
    }
    for (const auto& each : sides) {
        each->on.post([at = each.get()] { at->end(); });
    }
    for (const auto& each : sides) {
        if (each->thread.joinable()) {
            each->thread.join();
        } else {
            each->end();  // it never ran
        }
    }
}

http_front::~http_front() {
    impl_->end();
}

uint16_t http_front::port() const {
    return impl_->port;
}

size_t http_front::threads() const {
    return impl_->sides.size();
}

size_t http_front::connections() const {
    return impl_->count->size();
}

void http_front::watch(std::function<void(const http_exchange&)> exchanges, authkem_listener::failure_handler failures) {
    if (impl_->server) {
        return impl_->server->watch(std::move(exchanges), std::move(failures));
    }
    for (const auto& each : impl_->sides) {
        each->box->put([at = each.get(), exchanges, failures] { at->server->watch(exchanges, failures); });
    }
}

void http_front::drain(std::function<void()> done) {
    if (impl_->server) {
        return impl_->server->drain(std::move(done));
    }
    impl_->drained = std::move(done);
    impl_->not_drained = impl_->sides.size();
    for (const auto& each : impl_->sides) {
        each->box->put([at = each.get(), to = impl_->box, of = impl_.get()] {
            // The caller's box is closed before `of` goes.
            at->server->drain([to, of] {
                to->put([of] {
                    if (--of->not_drained == 0) {
                        of->busy.reset();
                        if (const auto tell = std::exchange(of->drained, nullptr)) {
                            tell();
                        }
                    }
                });
            });
        });
    }
}

size_t front_threads_for(const keystore::signing_key& key, size_t wanted) {
    return key.able().concurrent && !key.able().hardware ? wanted : 0;
}

}  // namespace berth::net
