// An MQTT 3.1.1 client over TLS as configured for this product: the protocol is libmosquitto's, the connection ours, so that
// peers are judged and keys are used as everywhere else. One connection for each client; who wants another one makes another
// client.
//
// libmosquitto takes no connection that somebody else has made: it is given one to a socket in a directory of our own, whose
// octets go on into the TLS connection.
#pragma once

#include "base/bytes.h"
#include "net/address.h"
#include "net/channel.h"

namespace berth::net {

struct mqtt_client_options {
    std::string client_id;
    std::string user_name;  // empty: none
    bool clean = true;      // false: the broker keeps the session for the next connection
    int keep_alive = 180;   // seconds
    milliseconds connect = 10'000, handshake = 10'000, accept = 10'000;
};

class mqtt_client {
public:
    struct handlers {
        // CONNACK. Errors: `connect_failed`, `handshake_timeout`, a handshake's; `mqtt_refused` (peer), param "code".
        std::function<void(result<void>)> connected;
        std::function<void(const std::string& topic, bytes_view payload)> message;
        // It was connected, and is not any more: `connection_lost`. Nothing more is called.
        std::function<void(const error& why)> lost;
    };
    // All are called on the loop, never from within a call of this object.
    // Errors: `mqtt_unavailable`; of making the socket.
    static result<std::unique_ptr<mqtt_client>> start(loop& on, const address& broker, const channel_transport& over,
                                                      mqtt_client_options options, handlers call);
    // The same at a socket of this machine, by its path, of any length. Errors also `connect_failed`: nobody is there.
    static result<std::unique_ptr<mqtt_client>> start_local(loop& on, const std::string& path, mqtt_client_options options,
                                                            handlers call);
    ~mqtt_client();  // ends it without a word to the broker, whose Will stands for it then; nothing is called any more

    // While connected. `done`: SUBACK, `mqtt_refused` where the broker does not let it; PUBACK, or with `qos` 0 that it is on its
    // way. Errors (usage) `not_connected`, and what libmosquitto says of its arguments (`bad_mqtt_call`).
    using done = std::function<void(result<void>)>;
    result<void> subscribe(const std::string& filter, int qos, done then);
    result<void> publish(const std::string& topic, bytes_view payload, int qos, done then = {});
    // DISCONNECT: `ended` is called when it is said, and nothing after it.
    void close(std::function<void()> ended);

private:
    struct impl;
    explicit mqtt_client(std::shared_ptr<impl> i) : impl_(std::move(i)) {}
    std::shared_ptr<impl> impl_;
};

}  // namespace berth::net
