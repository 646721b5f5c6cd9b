// The configuration of a Mosquitto that berthd keeps for a hub: written whenever it is started, and nobody's to edit.
#pragma once

#include "base/result.h"
#include "net/address.h"

#include <filesystem>
#include <string>

namespace berth::app {

enum class broker_role : uint8_t {
    hub,           // devices' sessions
    provisioning,  // where a device learns its hub: `$dps` topics alone
};
// "hub", "provisioning": as plugin_opt_role says it.
std::string_view to_string(broker_role r);

// The most that a device may publish at once: 256 KiB (as Azure IoT Hub), its topic and what MQTT puts around them.
inline constexpr size_t most_mqtt_payload = 256 * 1024;
inline constexpr size_t most_mqtt_packet = most_mqtt_payload + 1024 + 64;

// In the broker's own directory, in which it runs.
inline constexpr std::string_view local_socket_name = "local";
// Where berthd passes on what comes by WebSockets, and what it is known by there: a role hub's.
inline constexpr std::string_view relay_socket_name = "relayed";
inline constexpr std::string_view relay_secret_name = "relay-secret";

struct broker_settings {
    broker_role role = broker_role::hub;
    std::filesystem::path hub;        // the hub's directory, with hub.db
    std::filesystem::path directory;  // the broker's own, below it: its configuration, its memory and its local socket
    net::address listen;              // port 0: a free one is taken
    std::filesystem::path chain;      // leaf first, PEM
    std::filesystem::path key;        // PEM, not encrypted: Mosquitto knows no others
    std::string groups;               // key exchange groups
    std::filesystem::path service;    // where berthd is asked; of provisioning
    bool alternative_names = false;   // docs/hub.md, Logging in
    bool shared_keys = false;         // also who has no certificate comes as far as CONNECT
    int64_t most_connections = -1;    // -1: as many as the machine has files for
    bool relays = false;              // WebSockets are passed on to it
    std::filesystem::path plugin;
    std::filesystem::path telemetry;  // where its log is; empty: nothing is kept of what devices send
    uint64_t telemetry_most_mb = 0;
    bool as_root = false;  // Mosquitto gives up root otherwise, and could not write what is ours

    // The listener for programs of this machine.
    [[nodiscard]] std::filesystem::path local_socket() const { return directory / local_socket_name; }
    [[nodiscard]] std::filesystem::path relay_socket() const { return directory / relay_socket_name; }
    [[nodiscard]] std::filesystem::path relay_secret() const { return directory / relay_secret_name; }
    [[nodiscard]] std::filesystem::path configuration() const { return directory / "mosquitto.conf"; }
};

// Mosquitto 2.0, to be run in s.directory. Error `bad_config` (usage): a line break in a value.
result<std::string> mosquitto_conf(const broker_settings& s);

}  // namespace berth::app
