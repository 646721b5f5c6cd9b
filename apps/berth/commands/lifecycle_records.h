// A device's life as its owner and its maker have it: what follows from their records.
#pragma once

#include "registry/lifecycle.h"
#include "wire/json.h"

#include <filesystem>

namespace berth::app {

struct told_life {
    struct entry {
        unix_seconds at = 0;
        std::string step, about;
    };
    std::string party;  // registrar, masa, ca
    std::string serial;
    registry::life_phase phase = registry::life_phase::supply_chain;
    unix_seconds since = 0;
    std::vector<entry> history;  // oldest first
};

// What each of the records in `directory` (registrar.db, masa.db, ca.db) says of the device. `maker_root`: a file; needed where
// several makers use the serial. Errors `file_not_found`: there are none of these; `unknown_device`: none of them knows it;
// `ambiguous_serial`; of files and records.
result<std::vector<told_life>> told_lives(const std::filesystem::path& directory, const std::string& serial,
                                          const std::string& maker_root, unix_seconds now);

}  // namespace berth::app
