// How far each sink of life-cycle events has come, in the file of the hub's registry.
#pragma once

#include "store/sqlite/hub_store.h"

namespace berth::store {

class event_positions {
public:
    // `hub` outlives it.
    explicit event_positions(sqlite_hub_store& hub) : db_(*hub.db_) {}

    // Nothing: it is new.
    result<std::optional<uint64_t>> find(const std::string& sink);
    result<std::vector<std::pair<std::string, uint64_t>>> list();
    result<void> set(const std::string& sink, uint64_t position);

private:
    database& db_;
};

}  // namespace berth::store
