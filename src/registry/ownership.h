// Who owns a device (docs/onboarding.md section 5, "Ownership").
//
//   manufactured -> assigned(customer) -> onboarded(customer) -> released(to) -> assigned(to) -> ...
//
// "Only the manufacturer assigns, or the current owner by `release` naming the successor (`not_owner` otherwise); a release
// completes when outstanding vouchers have expired."
#pragma once

#include "base/clock.h"
#include "onboarding/identity.h"
#include "onboarding/masa/records.h"

#include <optional>
#include <string>
#include <string_view>

namespace berth::registry {

enum class ownership_state : uint8_t { manufactured, assigned, onboarded, released };

std::string_view to_string(ownership_state s);
std::optional<ownership_state> ownership_state_from(std::string_view text);

struct ownership {
    onboarding::device_identity device;
    std::string model;
    ownership_state state = ownership_state::manufactured;
    std::string customer;                // of assigned, onboarded and released (the one who gives it away)
    std::string successor;               // of released
    unix_seconds release_effective = 0;  // of released
    bool blocked = false;
    bool revoked = false;
    std::string configuration;  // the manufacturer's, JSON or empty

    bool operator==(const ownership&) const = default;

    // The record as it counts at `now`: a release that has completed is an assignment to the successor.
    [[nodiscard]] ownership at(unix_seconds now) const;
    // Whose it is at `now`: empty before the first assignment, and while a release is completing.
    [[nodiscard]] std::string owner(unix_seconds now) const;
};

// The ownership part of the MASA's decision, nonce and stored answers aside.
onboarding::authorization_verdict judge(const std::optional<ownership>& record, const std::string& customer, unix_seconds now);

// Each returns the new record, or why not. Errors: not_owner, same_customer (it would be released to its owner),
// already_assigned, revoked.
result<ownership> assign(const ownership& record, const std::string& customer, unix_seconds now);
result<ownership> release(const ownership& record, const std::string& owner, const std::string& successor, unix_seconds now,
                          unix_seconds vouchers_expire);
result<ownership> mark_onboarded(const ownership& record, const std::string& customer, unix_seconds now);

}  // namespace berth::registry
