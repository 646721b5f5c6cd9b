// MQTT over WebSockets: `/$iothub/websocket` of the hub's HTTPS listener, as Azure's SDKs ask for it.
//
// berthd ends WebSocket and TLS, and passes the octets of MQTT on to the hub's broker. Who the client is it does not judge: it
// rewrites the first packet, CONNECT, so that the broker's plugin is told what chain he has shown and what password he has said
// (hub/carrier/relay_token.h), and judges him as anybody at its own TLS listener.
//
// All of a session lives on the thread of its HTTP connection (net/http_front.h), and waits for nobody but its two ends:
// whichever of them does not take what it is sent is not read from for the other's sake.
#pragma once

#include "base/random.h"
#include "broker/relay_place.h"
#include "net/connection_count.h"
#include "net/websocket_upgrade.h"
#include "ops/metrics.h"
#include "roles/websockets_config.h"

#include <memory>

namespace berth::app {

// Sees what passes in one session, as it is; of the first packet what the broker is told instead. On that session's thread.
class relay_tap {
public:
    virtual ~relay_tap() = default;
    virtual void to_broker(bytes_view octets) = 0;
    virtual void to_client(bytes_view octets) = 0;
};

class websocket_relay : public std::enable_shared_from_this<websocket_relay> {
public:
    static constexpr const char* path = "/$iothub/websocket";

    struct settings {
        websockets_config limits;
        std::string host;          // that the hub is called
        bool has_broker = false;   // it may take a while until it is up
        bool shared_keys = false;  // who shows no certificate may have a token of his own
    };
    // `random` may be asked on any thread.
    websocket_relay(settings s, const clock& time, random_source& random, ops::metric_registry& metrics);

    // To be routed at `path`; holds this.
    [[nodiscard]] net::websocket_route route();
    // From any thread. Nothing: there is none yet.
    void serve(std::shared_ptr<const relay_place> broker) { broker_.set(std::move(broker)); }

    // Before anybody is served: makes one for each session, or none; called on any thread.
    using tap_maker = std::function<std::unique_ptr<relay_tap>(const std::string& client_id)>;
    void watch(tap_maker taps) { taps_ = std::move(taps); }

    // ---- for its sessions
    class slot;
    class session;

private:
    tl::expected<net::websocket_route::opener, net::http_response> admit(const net::http_request& request);
    net::http_response refuse(unsigned status, const char* name, std::string message);

    settings settings_;
    const clock& time_;
    random_source& random_;
    net::connection_count count_;
    net::current<relay_place> broker_;
    tap_maker taps_;
    ops::gauge open_;
    ops::counter_family refused_, ended_;
};

}  // namespace berth::app
