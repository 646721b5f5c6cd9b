#include "registry/hub/import_entry.h"

#include "registry/hub/identity_json.h"

#include <fmt/format.h>

namespace berth::registry {

result<import_entry> import_entry_from_json(std::string_view line, size_t most_octets) {
    BERTH_TRY(object, wire::parse_json_object(line, most_octets));
    import_entry out;
    BERTH_TRY(device, wire::text_member(object, "deviceId"));
    out.name.device = std::move(device);
    if (object.contains("moduleId")) {
        BERTH_TRY(module, wire::text_member(object, "moduleId"));
        out.name.module = std::move(module);
        BERTH_CHECK(check_name_part("module", out.name.module));
    }
    BERTH_CHECK(check_name_part("device", out.name.device));
    BERTH_TRY(settings, settings_from_json(object, out.name));
    out.settings = std::move(settings);
    return out;
}

result<import_fate> judge_import_of(const identity& there, const import_entry& entry) {
    if (there.settings == entry.settings) {
        return import_fate::already;
    }
    return fail(error{error_category::usage,
                      "identity_exists",
                      fmt::format("there is a {} \"{}\" already, with other settings than the line's",
                                  entry.name.is_module() ? "module" : "device", entry.name.text()),
                      {{"name", entry.name.text()}}});
}

result<import_fate> import_one(hub_registry& hub, const import_entry& entry, random_source& random, unix_seconds now) {
    const auto added = hub.add(make_identity(entry.name, entry.settings, random, now));
    if (added) {
        return import_fate::added;
    }
    if (!added.error().is("identity_exists")) {
        return fail(added.error());
    }
    BERTH_TRY(there, hub.find(entry.name));
    return judge_import_of(*there, entry);
}

}  // namespace berth::registry
