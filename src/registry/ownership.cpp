#include "registry/ownership.h"

#include "onboarding/errors.h"

#include <array>

namespace berth::registry {

using onboarding::authorization_verdict;
using onboarding::refuse;

namespace {

constexpr std::array<std::pair<ownership_state, std::string_view>, 4> names{{
    {ownership_state::manufactured, "manufactured"},
    {ownership_state::assigned, "assigned"},
    {ownership_state::onboarded, "onboarded"},
    {ownership_state::released, "released"},
}};

}  // namespace

std::string_view to_string(ownership_state s) {
    return names[static_cast<size_t>(s)].second;
}

std::optional<ownership_state> ownership_state_from(std::string_view text) {
    for (const auto& [state, name] : names) {
        if (name == text) {
            return state;
        }
    }
    return std::nullopt;
}

ownership ownership::at(unix_seconds now) const {
    if (state != ownership_state::released || now < release_effective) {
        return *this;
    }
    ownership out = *this;
    out.state = ownership_state::assigned;
    out.customer = std::exchange(out.successor, {});
    out.release_effective = 0;
    return out;
}

std::string ownership::owner(unix_seconds now) const {
    const ownership current = at(now);
    return current.state == ownership_state::released ? std::string() : current.customer;
}

authorization_verdict judge(const std::optional<ownership>& record, const std::string& customer, unix_seconds now) {
    if (!record) {
        return authorization_verdict::not_assigned;
    }
    const std::string owner = record->owner(now);
    if (owner != customer) {
        return owner.empty() ? authorization_verdict::not_assigned : authorization_verdict::assigned_elsewhere;
    }
    // "device neither `blocked` nor `revoked` (told to the owner only)"
    if (record->blocked) {
        return authorization_verdict::blocked;
    }
    if (record->revoked) {
        return authorization_verdict::revoked;
    }
    return authorization_verdict::stored;
}

result<ownership> assign(const ownership& record, const std::string& customer, unix_seconds now) {
    ownership out = record.at(now);
    if (out.revoked) {
        // Said to the manufacturer's own operator: nobody else has refused anything.
        return fail(error_category::usage, "revoked", "the device is revoked, for ever: nobody can be given it");
    }
    if (out.state != ownership_state::manufactured) {
        if (out.customer == customer && out.state != ownership_state::released) {
            return out;  // said twice
        }
        return fail(
            error{error_category::usage,
                  "already_assigned",
                  fmt::format("the device belongs to \"{}\"; its owner must release it, naming \"{}\"", out.customer, customer),
                  {{"owner", out.customer}}});
    }
    out.state = ownership_state::assigned;
    out.customer = customer;
    return out;
}

result<ownership> release(const ownership& record, const std::string& owner, const std::string& successor, unix_seconds now,
                          unix_seconds vouchers_expire) {
    // Said twice, also after it took effect: the first answer was lost on the way. The record remembers who gave it away until
    // the successor does something with it.
    if (!owner.empty() && record.state == ownership_state::released && record.customer == owner &&
        record.successor == successor) {
        return record;
    }
    ownership out = record.at(now);
    if (owner.empty() || out.owner(now) != owner) {
        return refuse("not_owner");
    }
    if (successor == owner) {
        return fail(error_category::usage, "same_customer", fmt::format("the device belongs to \"{}\" already", owner));
    }
    out.state = ownership_state::released;
    out.successor = successor;
    // "a release completes when outstanding vouchers have expired"
    out.release_effective = std::max(now, vouchers_expire);
    return out;
}

result<ownership> mark_onboarded(const ownership& record, const std::string& customer, unix_seconds now) {
    ownership out = record.at(now);
    if (out.owner(now) != customer) {
        return refuse("withdrawn");
    }
    out.state = ownership_state::onboarded;
    return out;
}

}  // namespace berth::registry
