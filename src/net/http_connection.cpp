#include "net/http_connection.h"

#include "base/wipe.h"

#include <ctime>

namespace berth::net {

namespace {

// A peer that does not close after us is waited for no longer than this.
constexpr milliseconds linger = 2'000;

// RFC 9110 5.6.7, IMF-fixdate.
std::string http_date(unix_seconds time) {
    const std::time_t seconds = time;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days.at(static_cast<size_t>(parts.tm_wday)), parts.tm_mday,
                       months.at(static_cast<size_t>(parts.tm_mon)), parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                       parts.tm_sec);
}

}  // namespace

http_connection::http_connection(loop& on, std::shared_ptr<channel> over, std::shared_ptr<http_service> service,
                                 std::string address, std::function<void()> over_and_done)
    : on_(on),
      channel_(std::move(over)),
      service_(std::move(service)),
      address_(std::move(address)),
      over_and_done_(std::move(over_and_done)),
      timer_(on) {}

void http_connection::limit(milliseconds after, std::function<void()> then) {
    // The timer does not keep the connection: its reads and writes do.
    timer_.arm(after, [weak = weak_from_this(), then = std::move(then)] {
        if (const auto self = weak.lock()) {
            then();
        }
    });
}

void http_connection::start() {
    limit(service_->limits.handshake,
          [this] { broken({error_category::peer, "handshake_timeout", "the handshake was not completed in time"}); });
    channel_->handshake([self = shared_from_this()](const error* why) {
        if (self->phase_ == phase::over) {
            return;
        }
        if (why) {
            return self->broken(*why);
        }
        auto who = std::make_shared<peer_info>(self->channel_->describe());
        if (self->service_->met) {
            self->service_->met(*who);
        }
        self->peer_ = std::move(who);
        self->await_request();
    });
}

void http_connection::await_request() {
    phase_ = phase::idle;
    reader_.emplace(service_->limits.size);
    route_ = {};
    exchange_ = {};
    if (service_->draining && requests_ > 0) {
        return close();
    }
    if (!input_.empty()) {
        phase_ = phase::header;
        limit(service_->limits.header, [this] { refuse({error_category::peer, "timeout", "the request did not come in time"}); });
        return process();
    }
    // A first request is expected at once.
    limit(requests_ == 0 ? service_->limits.header : service_->limits.idle, [this] { close(); });
    read();
}

void http_connection::read() {
    channel_->read([self = shared_from_this()](const error* why, bytes_view octets) {
        if (self->phase_ == phase::over || self->phase_ == phase::closing || self->phase_ == phase::writing) {
            return;
        }
        if (why && self->phase_ != phase::idle) {
            return self->broken(*why);
        }
        if (octets.empty()) {
            return self->close();
        }
        self->received(octets);
    });
}

void http_connection::received(bytes_view octets) {
    if (phase_ == phase::idle) {
        phase_ = phase::header;
        limit(service_->limits.header, [this] { refuse({error_category::peer, "timeout", "the request did not come in time"}); });
    }
    append(input_, octets);
    process();
}

void http_connection::process() {
    while (true) {
        bytes_view left = input_;
        const auto progress = reader_->read(left);
        const size_t used = input_.size() - left.size();
        wipe(std::span(input_).first(used));  // passwords come in headers
        input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(used));
        if (!progress) {
            return refuse(progress.error());
        }
        switch (*progress) {
        case read_progress::more: return read();
        case read_progress::header:
            on_header(true);
            if (phase_ != phase::body || continuing_) {
                return;
            }
            break;
        case read_progress::complete:
            // A request without a body is complete together with its header.
            if (phase_ == phase::header) {
                on_header(false);
                if (phase_ != phase::body) {
                    return;
                }
            }
            return dispatch(reader_->take());
        }
    }
}

void http_connection::on_header(bool body_follows) {
    const http_request& head = reader_->head();
    phase_ = phase::body;
    asked_ = std::chrono::steady_clock::now();
    ++requests_;
    keep_alive_ = reader_->keep_alive();
    to_head_ = head.method == "HEAD";
    exchange_.method = head.method;
    exchange_.path = head.path;
    route_ = service_->router->find(head.method, head.path);
    exchange_.route = route_.route;
    if (route_.websocket != nullptr) {
        return ask_for_websocket(body_follows);
    }
    if (!route_.handle) {
        // What nobody will look at is not waited for.
        keep_alive_ = keep_alive_ && !body_follows;
        return answer(std::move(route_.refusal));
    }
    if (const auto fits = reader_->limit_body(route_.most_body); !fits) {
        return refuse(fits.error());
    }
    if (!body_follows) {
        return;
    }
    route_.at_head != nullptr ? ask_at_head() : await_body();
}

void http_connection::ask_at_head() {
    phase_ = phase::judging;
    http_request head = reader_->head();
    head.params = route_.params;
    head.peer = peer_;
    const http_responder respond([weak = weak_from_this(), number = requests_](http_response response) {
        const auto self = weak.lock();
        if (!self || self->phase_ != phase::judging || self->requests_ != number) {
            return;
        }
        if (response.status != 100) {
            self->keep_alive_ = false;
            return self->answer(std::move(response));
        }
        self->phase_ = phase::body;
        self->await_body();
        if (!self->asking_ && !self->continuing_ && self->phase_ == phase::body) {
            self->process();
        }
    });
    limit(service_->limits.handling, [this] {
        keep_alive_ = false;
        answer(http_response::failure({error_category::environment, "timeout", "the answer was not ready in time"}, 503));
    });
    const auto self = shared_from_this();  // it may end the server
    asking_ = true;
    service_->hand_over ? service_->hand_over(*route_.at_head, std::move(head), respond)
                        : (*route_.at_head)(std::move(head), respond);
    asking_ = false;
}

void http_connection::await_body() {
    limit(service_->limits.body, [this] { refuse({error_category::peer, "timeout", "the request did not come in time"}); });
    if (reader_->expects_continue() && input_.empty()) {
        continuing_ = true;
        channel_->write(to_bytes(as_bytes("HTTP/1.1 100 Continue\r\n\r\n")), [self = shared_from_this()](const error* why) {
            self->continuing_ = false;
            if (self->phase_ == phase::over) {
                return;
            }
            if (why) {
                return self->broken(*why);
            }
            if (self->phase_ == phase::body) {
                self->process();
            } else if (self->phase_ == phase::closing) {
                self->close();
            }
        });
    }
}

void http_connection::ask_for_websocket(bool body_follows) {
    const websocket_route& route = *route_.websocket;
    // What is behind a request that is refused is nobody's: who stands between us may have taken it for a WebSocket's.
    keep_alive_ = false;
    auto offer = read_websocket_offer(reader_->head(), !body_follows && reader_->may_upgrade());
    if (!offer) {
        return answer(std::move(offer).error());
    }
    const auto spoken = std::ranges::find_if(route.subprotocols, [&](const auto& one) {
        return std::ranges::find(offer->subprotocols, one) != offer->subprotocols.end();
    });
    if (spoken == route.subprotocols.end()) {
        auto refusal = route.not_spoken ? route.not_spoken(offer->subprotocols) : std::nullopt;
        return answer(refusal ? std::move(*refusal)
                              : http_response::failure({error_category::peer, "unsupported_subprotocol",
                                                        "none of the subprotocols in Sec-WebSocket-Protocol is spoken here"},
                                                       400));
    }
    http_request request = reader_->take();
    request.peer = peer_;
    auto admitted = route.admit(request);
    if (!admitted) {
        return answer(std::move(admitted).error());
    }
    opener_ = std::move(*admitted);
    keep_alive_ = true;
    answer(websocket_answer(offer->key, *spoken));
}

void http_connection::go_on_as_websocket() {
    phase_ = phase::upgraded;
    timer_.cancel();
    reader_.reset();
    websocket_ = std::make_shared<websocket>(on_, channel_, peer_, route_.websocket->limits, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->end();
        }
    });
    websocket_->preface(std::exchange(input_, {}));
    std::exchange(opener_, nullptr)(websocket_);
    if (service_->draining) {
        websocket_->go_away();
    }
}

void http_connection::dispatch(http_request request) {
    phase_ = phase::handling;
    exchange_.octets_in = request.body.size();
    request.params = std::move(route_.params);
    request.peer = peer_;
    const http_responder respond([weak = weak_from_this(), number = requests_](http_response response) {
        const auto self = weak.lock();
        if (self && self->phase_ == phase::handling && self->requests_ == number) {
            self->answer(std::move(response));
        }
    });
    limit(service_->limits.handling, [this] {
        keep_alive_ = false;
        answer(http_response::failure({error_category::environment, "timeout", "the answer was not ready in time"}, 503));
    });
    const auto self = shared_from_this();  // the handler may end the server
    if (service_->hand_over) {
        return service_->hand_over(*route_.handle, std::move(request), respond);
    }
    (*route_.handle)(std::move(request), respond);
}

void http_connection::refuse(const error& why) {
    if (service_->failures) {
        service_->failures(address_, why);
    }
    keep_alive_ = false;
    answer(http_response::failure(why, why.is("timeout") ? 408 : status_of(why)));
}

void http_connection::answer(http_response response) {
    if (phase_ == phase::over || phase_ == phase::closing || phase_ == phase::writing) {
        return;
    }
    if (continuing_) {
        keep_alive_ = false;
        return broken({error_category::peer, "timeout", "the peer does not read what it is sent"});
    }
    phase_ = phase::writing;
    // RFC 9112 9.6: a handler may say that this is the last answer.
    keep_alive_ = keep_alive_ && (!service_->draining || opener_) && response.headers.get("Connection") != "close";
    exchange_.status = response.status;
    exchange_.octets_out = response.body.size();
    exchange_.ms = exchange_.method.empty()
                       ? 0
                       : std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - asked_).count();
    exchange_.peer = peer_;
    // RFC 9110 6.6.1: "An origin server with a clock MUST generate a Date header field in all 2xx (Successful), 3xx
    // (Redirection), and 4xx (Client Error) responses".
    if (service_->time.now() != 0) {
        response.headers.set("Date", http_date(service_->time.now()));
    }
    limit(service_->limits.writing,
          [this] { broken({error_category::peer, "slow_peer", "the other side does not read what it is sent"}); });
    channel_->write(encode_response(response, keep_alive_, to_head_),
                    [self = shared_from_this()](const error* why) { self->written(why); });
    wipe(response.body);  // keys are made for those who ask; what is sent is wiped by the channel
    if (service_->exchanges) {
        service_->exchanges(exchange_);
    }
}

void http_connection::written(const error* why) {
    if (phase_ != phase::writing) {
        return;
    }
    if (why) {
        return broken(*why);
    }
    if (opener_) {
        return go_on_as_websocket();
    }
    keep_alive_ ? await_request() : close();
}

void http_connection::drain() {
    if (phase_ == phase::upgraded) {
        return websocket_->go_away();
    }
    if (phase_ == phase::idle) {
        close();
    }
}

void http_connection::close() {
    if (phase_ == phase::over) {
        return;
    }
    phase_ = phase::closing;
    limit(linger, [this] { end(); });
    channel_->shutdown([self = shared_from_this()] { self->end(); });
}

void http_connection::broken(const error& why) {
    if (phase_ != phase::over && service_->failures) {
        service_->failures(address_, why);
    }
    end();
}

void http_connection::end() {
    if (phase_ == phase::over) {
        return;
    }
    abandon();
    if (const auto tell = std::exchange(over_and_done_, nullptr)) {
        tell();
    }
}

void http_connection::abandon() {
    phase_ = phase::over;
    timer_.cancel();
    opener_ = nullptr;
    if (websocket_) {
        return websocket_->abandon();
    }
    channel_->abort();
}

}  // namespace berth::net
