// Direct methods (hub/method/method.h): calls of back ends, which wait for devices to come, and to answer.
#pragma once

#include "hub_server/broker_line.h"
#include "hub_server/hub_desk.h"
#include "ops/metrics.h"

namespace berth::app {

class method_desk {
public:
    // Both outlive it.
    method_desk(hub_desk& desk, broker_line& line, ops::metric_registry& metrics);

    // The answer's JSON. Errors: `unknown_identity`, `device_not_online`, `operation_closed`, `method_timeout`, `too_many_calls`,
    // `bad_method_answer`, `too_large_answer` (peer); `broker_down`, `broker_lost` (environment); those of the store.
    using done = std::function<void(result<std::string>)>;
    void call(const registry::identity_name& whom, hub::method_request what, done then);

    static constexpr size_t most_open = 10'000;
    static constexpr milliseconds look_again = 100;  // for who is waited for

private:
    struct open_call {
        registry::identity_name whom;
        hub::method_request what;
        done then;
        milliseconds begun = 0, here_until = 0;
        std::unique_ptr<net::timer> timer;
    };
    void tell(uint64_t number);
    void said(uint64_t number, result<hub::line_method_outcome> outcome);
    void finish(uint64_t number, result<std::string> how);

    hub_desk& desk_;
    broker_line& line_;
    ops::counter_family outcomes_;
    std::unordered_map<uint64_t, open_call> open_;
};

}  // namespace berth::app
