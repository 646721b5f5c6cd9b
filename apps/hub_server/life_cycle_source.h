// What became of devices and modules, of the hub's registry.
#pragma once

#include "hub_server/event_source.h"
#include "registry/hub/event_json.h"
#include "registry/hub/hub_registry.h"

namespace berth::app {

class life_cycle_source final : public event_source {
public:
    // `of` outlives it.
    explicit life_cycle_source(registry::hub_registry& of) : of_(of) {}
    [[nodiscard]] names called() const override { return {"hub.events", "events", "events", "life-cycle events", ""}; }
    result<uint64_t> newest() override { return of_.newest_event(); }
    result<std::vector<item>> some(size_t, uint64_t after, size_t most) override {
        BERTH_TRY(events, of_.events(after, most));
        std::vector<item> out;
        for (const auto& one : events) {
            out.push_back({one.number, wire::to_text(registry::to_json(one))});
        }
        return out;
    }

private:
    registry::hub_registry& of_;
};

}  // namespace berth::app
