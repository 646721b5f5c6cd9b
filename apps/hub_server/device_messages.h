// Messages to devices over HTTPS, as the SDKs receive them: /devices/{id}/messages/deviceBound. Whoever has received one has a
// minute to say by its lock what became of it. And what time does to queues.
//
// Back ends send to the same path: POST is theirs (hub/admin/), and all else the device's, judged by the device door.
#pragma once

#include "hub_server/admin_service.h"
#include "hub_server/device_door.h"
#include "hub_server/hub_service.h"

namespace berth::app {

class device_messages final : public hub_service {
public:
    // All outlive it.
    device_messages(hub_desk& desk, device_door& door, admin_service& back_ends, ops::metric_registry& metrics);

    [[nodiscard]] std::vector<mount> mounts() const override;
    void serve(const net::http_request& request, const net::http_responder& respond) override;

    static constexpr milliseconds pace = 1'000;
    static constexpr size_t at_once = 500;  // messages that are swept in one turn

private:
    enum class step : uint8_t { receive, complete, reject, abandon };
    // Nothing: the path has no such method.
    static std::optional<step> step_of(const net::http_request& request);
    result<net::http_response> take(const net::http_request& request, step what, const std::string& device);
    void sweep();
    void count();

    hub_desk& desk_;
    device_door& door_;
    admin_service& back_ends_;
    ops::counter_family events_;
    std::map<std::string, uint64_t> counted_;  // of the store, when it was looked at last
    net::timer timer_;
};

}  // namespace berth::app
