// The registry's API (hub/admin/) on the hub's listener: whoever asks is judged, what he asks for is answered after its commit,
// and both are counted and logged.
#pragma once

#include "hub/admin/admin_api.h"
#include "hub_server/hub_desk.h"
#include "hub_server/hub_service.h"
#include "ops/metrics.h"
#include "roles/list_watch.h"

namespace berth::app {

// As HTTP has it.
net::http_response response_of(const hub::api_answer& answer);

// The policies of a hub's directory as they are on the disk at each look, without reading them each time.
class policies_watch {
public:
    explicit policies_watch(std::filesystem::path hub) : hub_(std::move(hub)) {}
    // Null, and logged once: they cannot be read, and no token counts.
    const hub::policies* now();

private:
    std::filesystem::path hub_;
    std::optional<list_watch::versions> seen_;
    std::optional<hub::policies> read_;
};

class admin_service final : public hub_service {
public:
    struct settings {
        std::shared_ptr<const hub::gate> gate;
        std::shared_ptr<policies_watch> keys;  // null: tokens are not taken
    };
    // `desk` outlives it.
    admin_service(hub_desk& desk, settings by, ops::metric_registry& metrics, hub::session_source sessions = {});

    [[nodiscard]] std::vector<mount> mounts() const override;
    void serve(const net::http_request& request, const net::http_responder& respond) override;
    // From the next request on.
    void judge_by(settings by) { by_ = std::move(by); }
    // Who asks, and what he may: also for the services beside this one. Errors of hub::gate::admit.
    result<hub::caller> admit(const net::http_request& request);

private:
    void tell(const net::http_responder& respond, const hub::admin_api::outcome& what);

    hub_desk& desk_;
    settings by_;
    hub::admin_api api_;
    ops::counter_family outcomes_;
};

}  // namespace berth::app
