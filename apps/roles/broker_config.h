// [hub.mqtt] and [hub.provisioning] of berthd.toml: the Mosquittos that a hub keeps.
#pragma once

#include "base/result.h"
#include "net/address.h"

#include <filesystem>
#include <optional>
#include <vector>

namespace berth::app {

class table_reader;

// One listener for devices: TLS 1.3.
struct mqtt_listener_config {
    net::address listen;
    std::filesystem::path chain;   // leaf first
    std::filesystem::path key;     // PEM: Mosquitto reads it itself
    bool pq_only = false;          // X25519MLKEM768 alone; else X25519, too
    int64_t most_connections = 0;  // 0: as many as the machine has files for
    [[nodiscard]] std::string groups() const { return pq_only ? "X25519MLKEM768" : "X25519MLKEM768:X25519"; }
};

struct hub_mqtt_config {
    mqtt_listener_config listener;
    bool alternative_names = false;   // docs/hub.md, Logging in
    bool shared_keys = false;         // who shows no certificate is asked for a token: `berth hub set`
    std::filesystem::path mosquitto;  // the program; empty: where Debian has it, or on PATH
};

struct hub_provisioning_config {
    std::string id_scope;
    std::optional<mqtt_listener_config> mqtt;            // nothing: over HTTPS alone, at the hub's own listener
    unsigned retry_after = 2;                            // seconds until a device asks again
    std::vector<std::filesystem::path> webhook_anchors;  // CAs of what the allocation "custom" asks over HTTPS
};

result<hub_mqtt_config> read_hub_mqtt(table_reader t);
// What it does not say of its certificate is as in `mqtt`, if that is there.
result<hub_provisioning_config> read_hub_provisioning(table_reader t, const std::optional<hub_mqtt_config>& mqtt);

// What Mosquitto would refuse, or every client. Errors of files and keys, `bad_profile`, `bad_chain`; each names the file.
result<void> check_mqtt_listener(const mqtt_listener_config& config);

}  // namespace berth::app
