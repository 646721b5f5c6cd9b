#include "hub_server/websocket_relay.h"

#include "base/wipe.h"
#include "hub/access/origin.h"
#include "hub/carrier/relay_token.h"
#include "hub/mqtt/connect_packet.h"
#include "net/local_stream.h"

namespace berth::app {

namespace {

constexpr milliseconds most_of_broker = 30'000;  // in which it takes nothing
constexpr milliseconds linger = 2'000;           // for the broker to close after us
// A listener's queue is full for a moment when many come at once, and a broker that was killed is there again soon.
constexpr milliseconds join_again = 100;
constexpr int most_joins = 30;
// In either direction: whoever sends more waits until the other side has taken some.
constexpr size_t most_waiting = 256 * 1024;
constexpr unsigned come_again = 5;  // seconds

// What one who offers AMQP alone is told.
std::optional<net::http_response> refuse_amqp(const std::vector<std::string>& offered) {
    const bool amqp = std::ranges::any_of(offered, [](std::string one) {
        std::ranges::transform(one, one.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return one == "amqp" || one == "amqpwsb10";
    });
    if (!amqp) {
        return net::http_response::failure({error_category::incompatible, "unsupported_subprotocol",
                                            "MQTT is spoken here: offer the subprotocol mqtt (Sec-WebSocket-Protocol)"},
                                           400);
    }
    return net::http_response::failure({error_category::incompatible, "not_implemented",
                                        "this hub does not speak AMQP: use MQTT, over TLS or here (subprotocol mqtt), or HTTPS"},
                                       501);
}

}  // namespace

// One of the connections that there may be, until it goes.
class websocket_relay::slot {
public:
    slot(std::shared_ptr<websocket_relay> of, std::string from) : of_(std::move(of)), from_(std::move(from)) {}
    ~slot() {
        of_->count_.leave(from_);
        of_->open_.add(-1);
    }
    slot(const slot&) = delete;
    slot& operator=(const slot&) = delete;
    [[nodiscard]] websocket_relay& relay() const { return *of_; }

private:
    std::shared_ptr<websocket_relay> of_;
    std::string from_;
};

class websocket_relay::session : public std::enable_shared_from_this<session> {
public:
    session(std::shared_ptr<slot> own, std::shared_ptr<const relay_place> place, std::shared_ptr<net::websocket> client)
        : own_(std::move(own)),
          place_(std::move(place)),
          client_(std::move(client)),
          deadline_(client_->on()),
          slow_(client_->on()) {}
    ~session() { wipe(pending_); }
    void start();

private:
    enum class phase : uint8_t { connect, joining, passing, ending, over };
    void heard(bytes_view octets);
    void join(int attempt);
    result<bytes> first_packet();
    void to_broker(bytes_view octets);
    void flush();
    void read_broker();
    void client_has_gone(const error* why);
    void refuse(uint16_t code, const char* outcome, std::string_view why);
    void leave_broker();
    void end(std::string_view outcome);
    [[nodiscard]] websocket_relay& relay() const { return own_->relay(); }

    std::shared_ptr<slot> own_;
    std::shared_ptr<const relay_place> place_;
    std::shared_ptr<net::websocket> client_;
    std::shared_ptr<net::channel> broker_;
    std::unique_ptr<relay_tap> tap_;
    net::timer deadline_, slow_;
    hub::connect_collector collector_;
    std::optional<hub::connect_packet> connect_;
    bytes pending_;  // for the broker
    bool writing_ = false, reading_ = false;
    phase phase_ = phase::connect;
};

void websocket_relay::session::start() {
    deadline_.arm(relay().settings_.limits.connect, [weak = weak_from_this()] {
        if (const auto self = weak.lock(); self && self->phase_ == phase::connect) {
            self->refuse(net::websocket_code::policy, "timeout", "MQTT's CONNECT did not come in time");
        }
    });
    const auto self = shared_from_this();
    client_->start({[self](bytes_view octets) { self->heard(octets); }, [self] { self->read_broker(); },
                    [self](const error* why) { self->client_has_gone(why); }});
}

void websocket_relay::session::heard(bytes_view octets) {
    if (phase_ == phase::connect) {
        auto packet = collector_.take(octets);
        if (packet && !*packet) {
            return;
        }
        auto read = packet ? hub::read_connect(**packet) : result<hub::connect_packet>(fail(packet.error()));
        if (packet) {
            wipe(**packet);
        }
        if (!read) {
            const auto& why = read.error();
            return refuse(why.is("too_large") ? net::websocket_code::too_big : net::websocket_code::protocol_error, "malformed",
                          why.message);
        }
        connect_ = std::move(*read);
        phase_ = phase::joining;
        append(pending_, octets);
        return join(0);
    }
    if (phase_ == phase::passing && tap_) {
        tap_->to_broker(octets);
    }
    if (phase_ == phase::joining || phase_ == phase::passing) {
        to_broker(octets);
    }
}

void websocket_relay::session::join(int attempt) {
    auto made = net::connect_local(client_->on(), place_->socket);
    if (!made && attempt < most_joins) {
        return deadline_.arm(join_again, [weak = weak_from_this(), attempt] {
            if (const auto self = weak.lock(); self && self->phase_ == phase::joining) {
                self->join(attempt + 1);
            }
        });
    }
    if (!made) {
        return refuse(net::websocket_code::try_again_later, "no_broker", "the hub's broker is not up: come again later");
    }
    deadline_.cancel();
    broker_ = std::move(*made);
    // Of the broker that has taken the connection, or of one after it: the secret is there before its broker.
    auto first = first_packet();
    if (!first) {
        return refuse(net::websocket_code::too_big, "too_large", first.error().message);
    }
    phase_ = phase::passing;
    if (relay().taps_) {
        tap_ = relay().taps_(connect_->client_id);
    }
    connect_.reset();
    if (tap_) {
        tap_->to_broker(*first);
        tap_->to_broker(pending_);
    }
    append(*first, pending_);
    wipe(pending_);
    pending_ = std::move(*first);
    flush();
    read_broker();
}

result<bytes> websocket_relay::session::first_packet() {
    const auto secret = place_->secret.get();
    const auto& peer = client_->peer();
    hub::relay_claims claims;
    relay().random_.fill(claims.nonce);
    claims.expires = static_cast<uint64_t>(relay().time_.steady() + hub::relay_token_life);
    claims.peer.value = to_bytes(as_bytes(peer.address.substr(0, decltype(claims.peer)::most)));
    claims.client_id.value = to_bytes(as_bytes(connect_->client_id));
    for (const auto& one : peer.chain) {
        claims.chain.items.emplace_back(one.der());
    }
    // Where no shared keys are taken, a broker's own listener ends the handshake of who shows no certificate.
    if (connect_->password && (!peer.chain.empty() || relay().settings_.shared_keys)) {
        claims.password.value = to_bytes(connect_->password->reveal());
    }
    auto token = hub::seal_relay_token(claims, secret ? *secret : secret_bytes());
    wipe(claims.password.value);
    if (!token) {
        return fail(std::move(token).error());
    }
    connect_->password = std::move(*token);
    if (!connect_->user_name) {
        connect_->user_name = connect_->client_id;  // MQTT 3.1.1 has no password without one; the plugin would set the same
    }
    return hub::write_connect(*connect_);
}

void websocket_relay::session::to_broker(bytes_view octets) {
    append(pending_, octets);
    if (pending_.size() > most_waiting) {
        client_->pause();
    }
    flush();
}

void websocket_relay::session::flush() {
    if (writing_ || !broker_ || pending_.empty()) {
        return;
    }
    writing_ = true;
    slow_.arm(most_of_broker, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->refuse(net::websocket_code::try_again_later, "slow_broker", "the hub's broker takes nothing at present");
        }
    });
    broker_->write(std::exchange(pending_, {}), [self = shared_from_this()](const error* why) {
        self->writing_ = false;
        self->slow_.cancel();
        if (self->phase_ == phase::over || why != nullptr) {
            return;  // whoever reads is told of it
        }
        if (!self->pending_.empty()) {
            return self->flush();
        }
        if (self->phase_ == phase::ending) {
            return self->leave_broker();
        }
        self->client_->resume();
    });
}

void websocket_relay::session::read_broker() {
    if (reading_ || phase_ != phase::passing || client_->waiting() > most_waiting) {
        return;
    }
    reading_ = true;
    broker_->read([self = shared_from_this()](const error* why, bytes_view octets) {
        self->reading_ = false;
        if (self->phase_ != phase::passing) {
            return;
        }
        if (why != nullptr || octets.empty()) {
            // A session that is refused or cut, a broker that ends: over TLS the connection ends, and nobody is told why.
            return self->refuse(net::websocket_code::normal, "by_broker", "the session was ended");
        }
        if (self->tap_) {
            self->tap_->to_client(octets);
        }
        self->client_->send(octets);
        self->read_broker();
    });
}

void websocket_relay::session::client_has_gone(const error* why) {
    const std::string outcome = why != nullptr ? why->name : "by_client";
    if (phase_ != phase::passing) {
        return end(outcome);
    }
    if (why != nullptr) {
        return end(outcome);  // and the broker publishes its Will
    }
    // What it has said last is passed on, its DISCONNECT among it.
    phase_ = phase::ending;
    relay().ended_.with({outcome}).add();
    if (!writing_ && pending_.empty()) {
        leave_broker();
    }
}

void websocket_relay::session::leave_broker() {
    deadline_.arm(linger, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->end("");
        }
    });
    broker_->shutdown([self = shared_from_this()] { self->end(""); });
}

void websocket_relay::session::refuse(uint16_t code, const char* outcome, std::string_view why) {
    if (phase_ != phase::over) {
        const auto self = shared_from_this();
        end(outcome);
        client_->close(code, why);
    }
}

void websocket_relay::session::end(std::string_view outcome) {
    if (std::exchange(phase_, phase::over) == phase::over) {
        return;
    }
    if (!outcome.empty()) {
        relay().ended_.with({std::string(outcome)}).add();
    }
    tap_.reset();  // who watches is told now, before the client comes again: this may last until its socket is closed
    deadline_.cancel();
    slow_.cancel();
    if (broker_) {
        broker_->abort();
    }
}

websocket_relay::websocket_relay(settings s, const clock& time, random_source& random, ops::metric_registry& metrics)
    : settings_(std::move(s)),
      time_(time),
      random_(random),
      count_(settings_.limits.most_connections, settings_.limits.most_per_address),
      open_(metrics.gauges("berth_hub_websockets", "WebSockets that are open").plain()),
      refused_(
          metrics.counters("berth_hub_websockets_refused_total", "WebSockets that were asked for and not opened", {"reason"})),
      ended_(metrics.counters("berth_hub_websockets_ended_total", "WebSockets that were open, by why they ended", {"reason"})) {}

net::websocket_route websocket_relay::route() {
    net::websocket_route out;
    out.subprotocols = {"mqtt"};
    out.not_spoken = refuse_amqp;
    out.limits.quiet = settings_.limits.quiet;
    out.limits.writing = settings_.limits.slow;
    out.admit = [self = shared_from_this()](const net::http_request& request) { return self->admit(request); };
    return out;
}

net::http_response websocket_relay::refuse(unsigned status, const char* name, std::string message) {
    refused_.with({name}).add();
    auto out = net::http_response::failure({error_category::environment, name, std::move(message)}, status);
    if (status == 503) {
        out.headers.add("Retry-After", std::to_string(come_again));
    }
    return out;
}

tl::expected<net::websocket_route::opener, net::http_response> websocket_relay::admit(const net::http_request& request) {
    if (request.headers.has("origin") &&
        !hub::may_ask(request.headers.get("origin"), settings_.host, request.headers.get("host"), settings_.limits.origins)) {
        return tl::unexpected(
            refuse(403, "foreign_origin", "a page of another origin asks: those that may are named in [hub.websockets] origins"));
    }
    auto place = broker_.get();
    if (!settings_.has_broker) {
        return tl::unexpected(refuse(503, "no_broker", "this hub has no broker of its own ([hub.mqtt]) to pass MQTT on to"));
    }
    if (!place || !place->up || !place->secret.get()) {
        return tl::unexpected(refuse(503, "broker_down", "the hub's broker is not up: come again later"));
    }
    const std::string from = request.peer->address.substr(0, request.peer->address.rfind(':'));
    if (!count_.enter(from)) {
        return tl::unexpected(refuse(503, "too_many_connections", "there are too many WebSockets at once: come again later"));
    }
    open_.add(1);
    auto own = std::make_shared<slot>(shared_from_this(), from);
    return net::websocket_route::opener([own = std::move(own), place = std::move(place)](std::shared_ptr<net::websocket> client) {
        std::make_shared<session>(own, place, std::move(client))->start();
    });
}

}  // namespace berth::app
