// What devices ask their hub over MQTT, as its broker carries it here (hub/topics/request.h).
#pragma once

#include "hub/carrier/carried.h"
#include "hub/topics/request.h"
#include "hub_server/hub_desk.h"
#include "ops/metrics.h"
#include "provisioning/renewal.h"

namespace berth::app {

class device_requests {
public:
    // `desk` and `issuer` outlive it.
    device_requests(hub_desk& desk, provisioning::certificate_issuer& issuer, ops::metric_registry& metrics);

    // Whether it is one of these, and not a provisioning broker's.
    [[nodiscard]] static bool is_one(const hub::carried_message& message) { return message.topic.starts_with("$iothub/"); }
    // Within a turn of the desk. The client id is that of a session which the broker has let in, and whose policy opens this
    // door. Nothing: it is no request.
    std::optional<hub::carried_answer> answer(const hub::carried_message& message);

private:
    hub::carried_answer certify(const hub::carried_message& message, const hub::hub_request& request,
                                const registry::identity_name& who);

    hub_desk& desk_;
    provisioning::renewals renewals_;
    ops::counter_family answers_;
};

}  // namespace berth::app
