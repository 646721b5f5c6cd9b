// What sessions that outlive their connections have subscribed to, in the file of the hub's registry.
#pragma once

#include "store/sqlite/hub_store.h"

namespace berth::store {

class sqlite_lasting_store {
public:
    // `hub` outlives it.
    explicit sqlite_lasting_store(sqlite_hub_store& hub) : db_(*hub.db_) {}

    // Of an identity that is there; of another nothing is noted.
    result<void> note(const registry::identity_name& who, std::string_view what, bool subscribed);
    result<bool> has(const registry::identity_name& who, std::string_view what);

private:
    database& db_;
};

}  // namespace berth::store
