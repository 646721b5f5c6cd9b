// Who a device or module is that asks the hub something over HTTPS, at its own listener ([hub] listen).
//
// It shows the certificate of its TLS handshake, or a shared access signature in Authorization, for HOST/devices/DEVICE or
// HOST/devices/DEVICE/modules/MODULE, where HOST is the one that the request names. Which of the two counts the registry says,
// and all of it is judged as at a broker, at each request: a device that was disabled meanwhile is refused over a connection that
// stands. It is judged for itself alone: the path must name it, and its group's policy must leave open what it asks for.
//
// Paths are shared with back ends, which the admin API's gate judges. A service asks the one that its route, method included, is
// for, before it looks at anything else, and never lets one stand in for the other.
#pragma once

#include "hub_server/login_desk.h"
#include "net/http_router.h"
#include "ops/metrics.h"

namespace berth::app {

class device_door {
public:
    // Both outlive it.
    device_door(hub_desk& desk, login_desk& logins, ops::metric_registry& metrics);

    struct visitor {
        registry::identity identity;
        bool by_key = false;
        // What it has shown.
        hub::judged_chain chain = {};
        std::optional<hub::judged_words> words = {};
    };
    // `named`: "DEVICE" or "DEVICE/MODULE", of the request's path, decoded. The error (peer) is for refused(), and for nobody
    // else: its name is the reason, one of hub::login_refusal or `policy_closed`. It is logged and counted here.
    result<visitor> admit(const net::http_request& request, std::string_view named, registry::operation what);
    // Who asks again within this time, in seconds, is not written down again as active.
    static constexpr unix_seconds note_again = 60;
    // What whoever is refused is told: 401, the same whatever the reason.
    static net::http_response refused();

private:
    result<visitor> judge(const net::http_request& request, std::string_view named, registry::operation what);

    hub_desk& desk_;
    login_desk& logins_;
    ops::counter_family refusals_;
};

// "dev1", "dev1/mod1", of the {id} and {module} of a route.
std::string named_in_path(const net::http_request& request);

}  // namespace berth::app
