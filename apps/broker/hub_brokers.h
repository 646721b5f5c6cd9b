// The Mosquittos of one hub: one for devices' sessions, another for provisioning, whose sessions would end those of the same
// devices at the first.
#pragma once

#include "broker/broker_process.h"
#include "crypto/hash.h"
#include "ops/metrics.h"
#include "roles/broker_config.h"

namespace berth::app {

class hub_brokers {
public:
    struct config {
        std::filesystem::path hub;        // its directory
        std::filesystem::path service;    // the socket at which brokers ask
        std::filesystem::path telemetry;  // its log; empty: none
        uint64_t telemetry_most_mb = 0;
        std::optional<hub_mqtt_config> mqtt;
        std::optional<hub_provisioning_config> provisioning;
        bool relays = false;  // WebSockets are passed on to the hub's
    };
    // Errors of check_mqtt_listener, find_broker and broker_process::start.
    static result<std::unique_ptr<hub_brokers>> start(net::loop& on, const config& wanted, ops::metric_registry& metrics);

    ~hub_brokers();  // ends them, at once

    // What start() would refuse, without starting anything.
    static result<void> look(const config& wanted);

    // Digests of a listener's files.
    struct file_marks {
        crypto::digest chain, key;
        friend bool operator==(const file_marks&, const file_marks&) = default;
    };

    // Certificates and keys that have changed, while all else is as it was. Errors of check_mqtt_listener; `restart_needed`.
    struct prepared {
        config next;
        std::vector<file_marks> marks;
    };
    [[nodiscard]] result<prepared> prepare(const config& wanted) const;
    void apply(prepared ready);

    // 0: there is none.
    [[nodiscard]] uint16_t port() const { return hub_ ? hub_->port() : 0; }
    [[nodiscard]] uint16_t provisioning_port() const { return provisioning_ ? provisioning_->port() : 0; }
    // Null: no WebSockets are passed on.
    [[nodiscard]] std::shared_ptr<const relay_place> relay() const { return hub_ ? hub_->relay() : nullptr; }
    // Error `broker_down`.
    [[nodiscard]] result<void> check_usable() const;

private:
    hub_brokers() = default;
    config config_;
    std::vector<file_marks> marks_;
    std::unique_ptr<broker_process> hub_, provisioning_;
};

}  // namespace berth::app
