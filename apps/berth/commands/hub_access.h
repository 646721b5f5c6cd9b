// Shared keys in the commands over a hub's registry.
#pragma once

#include "berth/commands/hub.h"

namespace berth::app {

// Gives `who`, who logs in by key, keys: those of `file` (base64; the primary one's line first), or drawn ones where none is
// named. Errors of registry::check_has_key, of the file, of the store.
result<registry::identity> give_keys(store::sqlite_hub_store& store, const registry::identity& who, const std::string& file);

// The identity with its keys, for those who may know them.
result<void> show_with_keys(const context& c, store::sqlite_hub_store& store, const registry::identity& who);

// set; device rotate-key. After add_hub_devices.
void add_hub_access(CLI::App& hub, context& c);

}  // namespace berth::app
