// What devices have sent, of the hub's telemetry log, which its broker's plugin writes.
#pragma once

#include "base/log.h"
#include "hub/telemetry/telemetry_json.h"
#include "hub_server/event_source.h"
#include "store/telemetry/log_reader.h"

#include <limits>
#include <map>

namespace berth::app {

class telemetry_source final : public event_source {
public:
    // `keep`: seconds for which what every sink has is kept all the same, to be told again, while there is room for it in
    // `most_octets`.
    telemetry_source(std::filesystem::path directory, const clock& time, unix_seconds keep, uint64_t most_octets)
        : remover_(std::move(directory)), clock_(time), keep_(keep), most_octets_(most_octets) {}

    [[nodiscard]] names called() const override {
        return {"hub.telemetry", "telemetry", "messages", "messages of devices", "telemetry:"};
    }
    // The broker makes the directory when it begins.
    result<uint64_t> newest() override { return std::filesystem::exists(remover_.directory()) ? remover_.newest() : 0; }
    result<std::vector<item>> some(size_t sink, uint64_t after, size_t most) override {
        BERTH_TRY(records, logs_.try_emplace(sink, remover_.directory()).first->second.read(after, most));
        std::vector<item> out;
        for (const auto& one : records) {
            out.push_back({one.number, hub::to_json({one.number, one.at_ms, one.topic.text(), one.payload.view()})});
        }
        return out;
    }
    void taken(uint64_t number) override {
        const unix_seconds now = clock_.now();
        if (now < next_removal_ || !std::filesystem::exists(remover_.directory())) {
            return;
        }
        next_removal_ = now + 1;
        if (const auto done = remove(number, now); !done) {
            log::failure("telemetry_not_removed", done.error(), {{"party", "hub"}});
        }
    }
    [[nodiscard]] bool forgets() const override { return true; }

private:
    // Room for what comes goes before what is kept to be told again.
    result<void> remove(uint64_t number, unix_seconds now) {
        BERTH_TRY(octets, remover_.octets());
        const uint64_t spare = std::max<uint64_t>(most_octets_ / 4, 2 * store::segment_size);
        const bool short_of_room = octets + spare > most_octets_;
        return remover_.forget(number, short_of_room ? std::numeric_limits<unix_seconds>::max() : now - keep_);
    }

    std::map<size_t, store::telemetry_log_reader> logs_;  // of each sink
    store::telemetry_log_reader remover_;
    const clock& clock_;
    unix_seconds keep_ = 0, next_removal_ = 0;
    uint64_t most_octets_ = 0;
};

}  // namespace berth::app
