// [hub.files] of berthd.toml: files that devices upload.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "roles/object_store_config.h"

#include <filesystem>
#include <optional>
#include <string>

namespace berth::app {

class table_reader;

struct hub_files_config {
    std::filesystem::path directory;                          // empty: "files" in the hub's
    std::string container = "device-files";                   // the first level of their addresses
    std::string host;                                         // HOST[:PORT] of their addresses; empty: as [hub] says
    unix_seconds token = 3'600;                               // that a device may write for
    unix_seconds resume = 86'400;                             // that blocks are kept after that
    uint64_t most_file = 0, device_quota = 0, hub_quota = 0;  // octets
    uint64_t most_open = 10;                                  // uploads of one device
    uint64_t most_files = 10'000;                             // of one device, complete
    unix_seconds notices = 86'400;                            // that a back end has for them
    std::optional<object_store_config> store;                 // where what is complete goes; else it stays in the directory

    friend bool operator==(const hub_files_config&, const hub_files_config&) = default;
};

result<hub_files_config> read_hub_files(table_reader t);

}  // namespace berth::app
