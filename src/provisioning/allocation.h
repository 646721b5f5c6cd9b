// Which hub a device is sent to.
#pragma once

#include "registry/provisioning/registration.h"
#include "wire/json.h"

#include <span>

namespace berth::provisioning {

// Weighted rendezvous hashing: each hub draws a number out of its own name and the device's, and the smallest of them, divided by
// the hub's weight, wins. So a hub takes its share, and one that comes or goes moves only those that it takes or had.
const registry::linked_hub* choose_hashed(std::span<const registry::linked_hub> hubs, std::string_view registration_id);

// The device has measured: payload {"latencies": {"HOST": MILLISECONDS, ...}}; the smallest of a hub that there is. Null: it said
// nothing of use.
const registry::linked_hub* choose_measured(std::span<const registry::linked_hub> hubs, const wire::json::value& payload);
// The operator knows: the hub with the longest prefix that holds the peer's address. Null: none does.
const registry::linked_hub* choose_near(std::span<const registry::linked_hub> hubs, std::string_view address);

// Those of `linked` that the enrolment may use, in the order of their names. Error `no_linked_hub` (environment): none is left.
result<std::vector<registry::linked_hub>> hubs_of(const registry::enrolment_settings& settings,
                                                  std::vector<registry::linked_hub> linked);

}  // namespace berth::provisioning
