// The customer's configuration per device, model and group (row A10): versioned, merged from the general to the particular.
#pragma once

#include "base/clock.h"
#include "onboarding/registrar/records.h"

#include <string>
#include <vector>

namespace berth::registry {

// What a configuration is set for. The particular wins over the general, member by member: device over group over model
// over default.
enum class configuration_scope : uint8_t { everyone, model, group, device };

std::string_view to_string(configuration_scope s);
std::optional<configuration_scope> configuration_scope_from(std::string_view text);

struct configuration_layer {
    configuration_scope scope = configuration_scope::everyone;
    std::string name;  // of the model, group, or "ROOT8/SERIAL" of the device; empty for everyone
    uint64_t version = 0;
    std::string json;  // one object
    unix_seconds set_at = 0;
};

// The layers' objects merged (RFC 7396 merge patch, in the order given: general first); the version is the highest.
// Error `bad_json`, `too_large` (over 65 535 octets).
result<onboarding::device_configuration> merge(const std::vector<configuration_layer>& layers);

}  // namespace berth::registry
