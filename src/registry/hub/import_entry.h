// Many identities at once, whatever they are read from: one of them, and what becomes of it beside what is there.
#pragma once

#include "registry/hub/hub_registry.h"

namespace berth::registry {

struct import_entry {
    identity_name name;
    identity_settings settings;
};

// A JSON object as the registry's API takes an identity. Errors of JSON, of settings_from_json and check_name_part.
result<import_entry> import_entry_from_json(std::string_view line, size_t most_octets);

enum class import_fate : uint8_t { added, already };

// Of one that is there already: as the entry says. Error `identity_exists` (usage): it is another than the entry says.
result<import_fate> judge_import_of(const identity& there, const import_entry& entry);

// Adds it, unless it is there as the entry says. Errors of hub_registry::add and judge_import_of.
result<import_fate> import_one(hub_registry& hub, const import_entry& entry, random_source& random, unix_seconds now);

}  // namespace berth::registry
