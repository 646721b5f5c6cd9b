// The provisioning service (src/provisioning) on the hub's listener and behind its provisioning broker: devices ask where they
// belong, operators say who is enrolled.
#pragma once

#include "hub/carrier/carried.h"
#include "hub_server/admin_service.h"
#include "hub_server/webhooks.h"
#include "provisioning/service.h"
#include "roles/broker_config.h"
#include "store/sqlite/provisioning_store.h"

namespace berth::app {

class provisioning_service {
public:
    // `desk`, `admins` and `issuer` outlive it. `webhook_anchors`: who may vouch for what the allocation "custom" asks.
    provisioning_service(hub_desk& desk, admin_service& admins, provisioning::certificate_issuer& issuer,
                         const hub_provisioning_config& config, std::vector<pki::certificate> webhook_anchors,
                         ops::metric_registry& metrics);

    // What stands on the listener: registrations of devices, by their certificates; enrolments, by administrators.
    [[nodiscard]] std::vector<hub_service*> services() { return {&devices_, &operators_}; }
    // What a provisioning broker carries. Within a turn of the desk.
    std::optional<hub::carried_answer> answer(const hub::carried_message& message);

private:
    class devices final : public hub_service {
    public:
        explicit devices(provisioning_service& of) : of_(of) {}
        [[nodiscard]] std::vector<mount> mounts() const override;
        void serve(const net::http_request& request, const net::http_responder& respond) override;

    private:
        provisioning_service& of_;
    };
    class operators final : public hub_service {
    public:
        explicit operators(provisioning_service& of) : of_(of) {}
        [[nodiscard]] std::vector<mount> mounts() const override;
        void serve(const net::http_request& request, const net::http_responder& respond) override;

    private:
        provisioning_service& of_;
    };
    void count(const char* over, unsigned status);
    // Whatever the service has just done stands or falls with the turn of the desk; whoever it wants to be asked is asked then.
    void with_turn();
    void webhook_said(const std::string& operation, const result<net::http_response>& what);

    std::string id_scope_;
    hub_desk& desk_;
    admin_service& admins_;
    store::sqlite_provisioning_store records_;
    provisioning::service service_;
    ops::counter_family answers_;
    webhooks webhooks_;
    bool with_turn_ = false;
    devices devices_{*this};
    operators operators_{*this};
};

}  // namespace berth::app
