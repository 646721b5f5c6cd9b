// What devices and modules send over HTTPS (hub/telemetry/telemetry_http.h): it goes the way of what they send over MQTT, through
// the hub's broker, and is acknowledged when that has it.
#pragma once

#include "hub_server/broker_line.h"
#include "hub_server/device_door.h"
#include "hub_server/hub_service.h"

namespace berth::app {

class telemetry_service final : public hub_service {
public:
    // Both outlive it.
    telemetry_service(device_door& door, broker_line& line) : door_(door), line_(line) {}

    [[nodiscard]] std::vector<mount> mounts() const override;
    void serve(const net::http_request& request, const net::http_responder& respond) override;

private:
    device_door& door_;
    broker_line& line_;
};

}  // namespace berth::app
