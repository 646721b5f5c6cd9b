#include "store/sqlite/event_positions.h"

namespace berth::store {

result<std::optional<uint64_t>> event_positions::find(const std::string& sink) {
    BERTH_TRY(read, db_.prepare("SELECT position FROM event_sink WHERE name = ?"));
    BERTH_TRY(row, read.bind(sink).step());
    return row ? std::optional(static_cast<uint64_t>(read.integer(0))) : std::nullopt;
}

result<std::vector<std::pair<std::string, uint64_t>>> event_positions::list() {
    BERTH_TRY(read, db_.prepare("SELECT name, position FROM event_sink ORDER BY name"));
    std::vector<std::pair<std::string, uint64_t>> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        out.emplace_back(read.text(0), static_cast<uint64_t>(read.integer(1)));
    }
}

result<void> event_positions::set(const std::string& sink, uint64_t position) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(write, db_.prepare("INSERT INTO event_sink VALUES (?1, ?2) ON CONFLICT DO UPDATE SET position = ?2"));
        return write.bind(sink).bind(static_cast<int64_t>(position)).run();
    });
}

}  // namespace berth::store
