#include "registry/configuration.h"

#include "wire/json.h"

#include <array>

namespace berth::registry {

namespace {

constexpr size_t most_octets = 65535;
constexpr std::array<std::string_view, 4> names{"default", "model", "group", "device"};

// RFC 7396 section 2
void merge_patch(wire::json::value& target, const wire::json::object& patch) {
    if (!target.is_object()) {
        target.emplace_object();
    }
    auto& object = target.get_object();
    for (const auto& member : patch) {
        if (member.value().is_null()) {
            object.erase(member.key());
        } else if (member.value().is_object()) {
            merge_patch(object[member.key()], member.value().get_object());
        } else {
            object[member.key()] = member.value();
        }
    }
}

}  // namespace

std::string_view to_string(configuration_scope s) {
    return names[static_cast<size_t>(s)];
}

std::optional<configuration_scope> configuration_scope_from(std::string_view text) {
    for (size_t i = 0; i < names.size(); ++i) {
        if (names[i] == text) {
            return static_cast<configuration_scope>(i);
        }
    }
    return std::nullopt;
}

result<onboarding::device_configuration> merge(const std::vector<configuration_layer>& layers) {
    onboarding::device_configuration out;
    wire::json::value merged;
    for (const auto& layer : layers) {
        BERTH_TRY(object, wire::parse_json_object(layer.json));
        merge_patch(merged, object);
        out.version = std::max(out.version, layer.version);
    }
    if (layers.empty()) {
        return out;
    }
    out.json = wire::to_text(merged);
    if (out.json.size() > most_octets) {
        return fail(error_category::usage, "too_large", "the merged configuration is larger than 65535 octets");
    }
    return out;
}

}  // namespace berth::registry
