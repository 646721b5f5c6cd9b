// Asks the OCSP responders of registered CAs about those who log in at the hub's brokers, and writes down what they say
// (store/sqlite/certificate_statuses.h): at once of whom nothing is known, and again and again of whom was seen lately.
#pragma once

#include "common/ocsp_asker.h"
#include "hub_server/hub_desk.h"
#include "ops/metrics.h"
#include "store/sqlite/certificate_statuses.h"

#include <map>
#include <set>

namespace berth::app {

class ocsp_watch {
public:
    // `desk` outlives it.
    ocsp_watch(hub_desk& desk, ops::metric_registry& metrics);

    static constexpr milliseconds pace = 200;
    static constexpr size_t most_open = 64;         // questions at a time, of each CA: a responder that is dead delays no other's
    static constexpr unix_seconds again_after = 5;  // of a responder that could not be asked
    static constexpr unix_seconds lately = 86'400;  // whoever was not seen for longer is asked about when he comes again
    static constexpr unix_seconds remembered = 30 * 86'400;
    static constexpr size_t at_once = 1'000;  // certificates that are put to rest or forgotten in one turn

private:
    struct responder {
        registry::registered_ca ca;
        registry::ocsp_rule rule;
        std::unique_ptr<ocsp_asker> asker;
        std::set<bytes> open = {};  // serial numbers that are being asked about
    };
    void look();
    void forget(unix_seconds now);
    void look_at(responder& of, unix_seconds now);
    result<void> read_rules();
    void ask(responder& of, const store::certificate_statuses::question& about);
    void answered(const registry::certificate_id& which, const ocsp_question& asked, unix_seconds at, unix_seconds last_update);
    void note(const std::string& outcome, const std::function<result<void>()>& write);

    hub_desk& desk_;
    store::certificate_statuses statuses_;
    ops::counter_family answers_;
    uint64_t trust_generation_ = 0;
    std::map<std::array<uint8_t, 32>, responder> responders_;  // by the CA's key
    unix_seconds forgotten_ = 0;
    net::timer timer_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::app
