#include "registry/hub/hub_registry.h"

#include "base/bytes.h"

#include <algorithm>

namespace berth::registry {

namespace {

constexpr std::array<std::pair<identity_change, std::string_view>, 6> changes{{
    {identity_change::created, "created"},
    {identity_change::changed, "changed"},
    {identity_change::enabled, "enabled"},
    {identity_change::disabled, "disabled"},
    {identity_change::revoked, "revoked"},
    {identity_change::deleted, "deleted"},
}};

}  // namespace

std::string_view to_string(identity_change c) {
    return changes[static_cast<size_t>(c)].second;
}

std::optional<identity_change> identity_change_from(std::string_view text) {
    const auto* const found = std::ranges::find(changes, text, &std::pair<identity_change, std::string_view>::second);
    return found != changes.end() ? std::optional(found->first) : std::nullopt;
}

identity make_identity(identity_name name, identity_settings settings, random_source& random, unix_seconds now) {
    std::array<uint8_t, 8> drawn{};
    random.fill(drawn);
    // 63 bits: what a signed integer, of a store or of another's JSON reader, holds.
    uint64_t generation = 0;
    for (const uint8_t octet : drawn) {
        generation = generation << 8 | octet;
    }
    identity out;
    out.name = std::move(name);
    out.generation = generation >> 1;
    out.version = 1;
    out.settings = std::move(settings);
    out.created = out.status_changed = now;
    return out;
}

}  // namespace berth::registry
