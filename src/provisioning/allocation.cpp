#include "provisioning/allocation.h"

#include "crypto/hash.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace berth::provisioning {

namespace {

using registry::linked_hub;

// In (0, 1), the same for ever of the same hub and device.
double draw(const linked_hub& hub, const std::string& folded_id) {
    constexpr uint8_t separator = 0;  // occurs in neither
    const auto digest = crypto::sha256(concat({as_bytes(hub.host), {&separator, 1}, as_bytes(folded_id)}));
    uint64_t number = 0;
    for (size_t i = 0; i < 8; ++i) {
        number = number << 8 | digest.data()[i];
    }
    // As many bits as a double holds.
    return (static_cast<double>(number >> 11) + 0.5) * 0x1p-53;
}

std::optional<double> milliseconds_of(const wire::json::value& v) {
    double out = -1;
    if (v.is_double()) {
        out = v.as_double();
    } else if (v.is_int64()) {
        out = static_cast<double>(v.as_int64());
    } else if (v.is_uint64()) {
        out = static_cast<double>(v.as_uint64());
    }
    return std::isfinite(out) && out >= 0 ? std::optional(out) : std::nullopt;
}

}  // namespace

const linked_hub* choose_hashed(std::span<const linked_hub> hubs, std::string_view registration_id) {
    const std::string id = registry::fold_registration_id(registration_id);
    const linked_hub* best = nullptr;
    double least = 0;
    for (const auto& hub : hubs) {
        // Exponentially distributed with rate `weight`: the smallest of several is each one's with the share of its weight.
        const double time = -std::log(draw(hub, id)) / hub.weight;
        if (!best || time < least) {
            best = &hub;
            least = time;
        }
    }
    return best;
}

const linked_hub* choose_measured(std::span<const linked_hub> hubs, const wire::json::value& payload) {
    const auto* const object = payload.if_object();
    const auto* const latencies = object ? object->if_contains("latencies") : nullptr;
    if (!latencies || !latencies->is_object()) {
        return nullptr;
    }
    const linked_hub* best = nullptr;
    double least = 0;
    for (const auto& hub : hubs) {
        const auto* const told = latencies->as_object().if_contains(hub.host);
        const auto time = told ? milliseconds_of(*told) : std::nullopt;
        if (time && (!best || *time < least)) {
            best = &hub;
            least = *time;
        }
    }
    return best;
}

const linked_hub* choose_near(std::span<const linked_hub> hubs, std::string_view address) {
    const auto peer = registry::address_prefix::parse(address);
    if (!peer) {
        return nullptr;
    }
    const linked_hub* best = nullptr;
    unsigned longest = 0;
    for (const auto& hub : hubs) {
        for (const auto& text : hub.near) {
            const auto prefix = registry::address_prefix::parse(text);
            if (prefix && prefix->holds(*peer) && (!best || prefix->bits > longest)) {
                best = &hub;
                longest = prefix->bits;
            }
        }
    }
    return best;
}

result<std::vector<linked_hub>> hubs_of(const registry::enrolment_settings& settings, std::vector<linked_hub> linked) {
    if (!settings.hubs.empty()) {
        std::erase_if(linked,
                      [&](const linked_hub& h) { return std::ranges::find(settings.hubs, h.host) == settings.hubs.end(); });
    }
    if (linked.empty()) {
        return fail(error_category::environment, "no_linked_hub",
                    settings.hubs.empty() ? "no hub is linked that devices could be sent to"
                                          : "none of the hubs that the enrolment names is linked");
    }
    std::ranges::sort(linked, {}, &linked_hub::host);
    return linked;
}

}  // namespace berth::provisioning
