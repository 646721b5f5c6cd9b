// A hub's directory: hub.db, the registry of devices, modules and the CAs that let them in.
#pragma once

#include "store/sqlite/hub_store.h"

#include <filesystem>

namespace berth::app {

// Makes DIR/hub.db. Error `file_exists`: there is one.
result<void> hub_init(const std::filesystem::path& directory);

// The store of a hub's directory. Error `file_not_found`: there is none.
result<std::unique_ptr<store::sqlite_hub_store>> open_hub_store(const std::filesystem::path& hub);
// The same for what changes nothing: neither the store nor its directory need be writable.
result<std::unique_ptr<store::sqlite_hub_store>> read_hub_store(const std::filesystem::path& hub);

}  // namespace berth::app
