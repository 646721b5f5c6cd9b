#include "registry/hub/event_json.h"

namespace berth::registry {

wire::json::object to_json(const identity_event& e) {
    wire::json::object out{
        {"number", e.number},        {"time", to_iso8601(e.at)},  {"event", std::string(to_string(e.what))},
        {"deviceId", e.name.device}, {"moduleId", e.name.module}, {"generationId", std::to_string(e.generation)}};
    if (e.what == identity_change::created || e.what == identity_change::deleted) {
        out["opType"] = fmt::format("{}{}Identity", e.what == identity_change::created ? "create" : "delete",
                                    e.name.is_module() ? "Module" : "Device");
    }
    return out;
}

}  // namespace berth::registry
