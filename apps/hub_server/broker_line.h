// berthd's end of the line to its hub's broker (hub/line/line.h): a session of its own at the broker's socket for programs of the
// machine, made again whenever it ends.
#pragma once

#include "hub/line/line.h"
#include "hub_server/unsaid_packets.h"
#include "net/loop.h"
#include "net/mqtt_client.h"

#include <filesystem>
#include <unordered_map>

namespace berth::app {

class broker_line {
public:
    // `socket`: the broker's. Calls are made by the usual client alone: the plugin answers to that.
    broker_line(net::loop& on, std::filesystem::path socket, std::string client = std::string(hub::line_client))
        : loop_(on), socket_(std::move(socket)), client_id_(std::move(client)), timer_(on) {}
    // Once the broker has been started.
    void begin() { connect(); }

    [[nodiscard]] bool up() const { return up_; }
    // The broker reads the registry's file now, instead of at its next turn. Nothing happens where there is none.
    void look();

    // What went by on a connection. While nobody hears it, it is kept for the broker, or for the one after it: to that one it
    // tells nothing of sessions that it does not have.
    void seen(hub::line_seen_packet what);

    using outcome = std::function<void(result<hub::line_method_outcome>)>;
    // `then` is called once, on the loop, unless forget() is first. Errors (environment): `broker_down`, the device was told
    // nothing; `broker_lost`, while it waits.
    void call(const hub::line_method_call& what, outcome then);
    // Nobody waits for that one any more.
    void forget(uint64_t number) { open_.erase(number); }

    // As if a device had published it. `then`: the broker has it; `broker_down`; `broker_lost`, when it may have it or not.
    void publish(const std::string& topic, bytes_view payload, std::function<void(result<void>)> then);

    static constexpr milliseconds first_pause = 100, most_pause = 5'000;

private:
    void connect();
    void again();
    // Of what the plugin hears, if it is there.
    void tell(const std::string& topic, bytes_view what);
    void say(const hub::line_seen_packet& what);
    void heard(const std::string& topic, bytes_view payload);

    net::loop& loop_;
    std::filesystem::path socket_;
    std::string client_id_;
    net::timer timer_;
    std::unique_ptr<net::mqtt_client> client_;
    bool up_ = false, told_ = false;
    milliseconds pause_ = first_pause;
    unsaid_packets unsaid_;
    std::unordered_map<uint64_t, outcome> open_;
    // Publications that the broker has not acknowledged, so that an end of the session answers them.
    uint64_t last_publication_ = 0;
    std::unordered_map<uint64_t, std::function<void(result<void>)>> published_;
};

}  // namespace berth::app
