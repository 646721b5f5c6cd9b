// A device at its hub: asks where it belongs, connects over MQTT, says of itself what it is in its twin, hears what is wanted of
// it, and comes again when it was cut off. What it remembers:
//
//   BUNDLE/hub/place.json      the hub that it was told, and who told it
//   BUNDLE/hub/desired.json    what is wanted of it, as it was heard last: for programs of the device
#pragma once

#include "hub_client/placing.h"
#include "net/mqtt_client.h"

namespace berth::app {

class hub_session {
public:
    // What it is on its way to; for people and tests.
    enum class stage : uint8_t { resting, placing, connecting, reading, reporting, there };

    // All outlive it. `told` is called on the loop each time that it has come as far as to have reported (no error), and with
    // what went wrong before it tries again.
    using story = std::function<void(std::optional<error> why)>;
    hub_session(net::loop& on, const device_bundle& bundle, const clock& system, random_source& random, story told);
    ~hub_session();

    // From now on, by this entry; the same one again has it look whether what it has reported is still so.
    void go(const hub_entry& entry);
    // Says goodbye to the broker; nothing more is called but `gone`.
    void end(std::function<void()> gone);
    [[nodiscard]] stage at() const { return stage_; }

    static constexpr milliseconds least_pause = 1'000, most_pause = 300'000;
    // So often in a row the hub that it remembers is not reached before it asks whether there is another one.
    static constexpr uint32_t tries_at_a_place = 3;

private:
    void place();
    void placed(const placing::placement& where);
    void connect();
    void connected(const result<void>& in);
    void heard(const std::string& topic, bytes_view payload);
    void read_twin();
    void twin_told(bytes_view payload);
    void reported();
    void failed(const error& why);
    void ask(const std::string& topic, const std::string& payload);
    [[nodiscard]] wire::json::object facts() const;

    net::loop& loop_;
    const device_bundle& bundle_;
    known_time time_;
    random_source& random_;
    story told_;
    std::optional<hub_entry> entry_;
    std::optional<hub_identity> who_;
    std::string hub_, device_id_;
    bool fresh_place_ = false;  // told in this run: if it refuses us, asking again does not help at once
    bool missed_ = false;       // what is wanted has changed since it was asked for
    stage stage_ = stage::resting;
    std::unique_ptr<placing> placing_;
    std::unique_ptr<net::mqtt_client> mqtt_;
    net::timer pause_, patience_;
    uint32_t failures_ = 0;
    uint32_t rid_ = 0;
};

}  // namespace berth::app
