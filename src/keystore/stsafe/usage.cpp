#include "keystore/stsafe/usage.h"

#include "keystore/stsafe/zone_io.h"

#include <fmt/format.h>

namespace berth::keystore::stsafe {

namespace {

// What the chip says of a zone that is no counter, or not there, in words that help.
error explained(device& chip, uint8_t zone, error e) {
    if (!e.is("stsafe_zone_type") && !e.is("stsafe_entry_not_found")) {
        return e;
    }
    const auto counters = read_counters(chip);
    if (!counters) {
        return e;
    }
    std::string zones;
    for (const usage_counter& c : *counters) {
        zones += (zones.empty() ? "" : ", ") + std::to_string(c.zone);
    }
    return error{error_category::usage, "no_counter",
                 fmt::format("Zone {} of the STSAFE-A is no counter; {}.", zone,
                             zones.empty() ? "it has none" : "its counters are in zones " + zones)}
        .with("zone", std::to_string(zone))
        .with("counters", zones);
}

}  // namespace

result<std::vector<usage_counter>> read_counters(device& chip) {
    BERTH_TRY(zones, read_partitions(chip));
    std::vector<usage_counter> out;
    for (const partition& p : zones) {
        if (p.counter) {
            out.push_back({p.zone, *p.counter});
        }
    }
    return out;
}

result<uint32_t> use_counter(device& chip, uint8_t zone, uint32_t amount) {
    if (amount == 0) {
        return fail(error_category::usage, "bad_amount", "A counter is lowered by 1 or more.");
    }
    const protection how = strongest(chip);
    auto left = decrement_once(chip, zone, amount, how);
    if (left) {
        return left;
    }
    if (!left.error().is("stsafe_counter_limit")) {
        return fail(explained(chip, zone, std::move(left).error()));
    }
    BERTH_TRY(now, read_counter(chip, zone, how));
    return fail(error{
        error_category::peer, "counter_exhausted",
        now == 0 ? fmt::format("The counter in zone {} is exhausted: the part may not be used any more.", zone)
                 : fmt::format("The counter in zone {} is down to {}, and {} were to be used: nothing is.", zone, now, amount)}
                    .with("zone", std::to_string(zone))
                    .with("left", std::to_string(now)));
}

}  // namespace berth::keystore::stsafe
