// Keys that the hub shares with devices and modules, and what is set of the hub as a whole.
#include "base/wipe.h"
#include "store/sqlite/hub_store.h"

namespace berth::store {

using namespace registry;

namespace {

constexpr const char* on = "on";

secret_bytes read_secret(const statement& row, int column) {
    bytes plain = row.blob(column);
    secret_bytes out(plain);
    wipe(plain);
    return out;
}

}  // namespace

result<std::optional<shared_keys>> sqlite_hub_store::keys_of(const identity_name& name) {
    BERTH_TRY(read, db_->prepare("SELECT first_key, second_key FROM identity_key WHERE device = ? AND module = ?"));
    BERTH_TRY(row, read.bind(name.device).bind(name.module).step());
    if (!row) {
        return std::nullopt;
    }
    return shared_keys{read_secret(read, 0), read_secret(read, 1)};
}

result<identity> sqlite_hub_store::set_keys(const identity& before, const shared_keys& keys, unix_seconds now) {
    return db_->transaction([&]() -> result<identity> {
        BERTH_TRY(after, unchanged(before));
        ++after.version;
        BERTH_TRY(write, db_->prepare("UPDATE identity SET version = ? WHERE device = ? AND module = ?"));
        BERTH_CHECK(write.bind(static_cast<int64_t>(after.version)).bind(after.name.device).bind(after.name.module).run());
        BERTH_TRY(set, db_->prepare("INSERT INTO identity_key (device, module, first_key, second_key) VALUES (?, ?, ?, ?) "
                                    "ON CONFLICT (device, module) DO UPDATE SET first_key = excluded.first_key, "
                                    "second_key = excluded.second_key"));
        BERTH_CHECK(
            set.bind(after.name.device).bind(after.name.module).bind(keys.primary.reveal()).bind(keys.secondary.reveal()).run());
        BERTH_CHECK(tell(identity_change::changed, after, now));
        return after;
    });
}

result<hub_settings> sqlite_hub_store::settings() {
    BERTH_TRY(rows, db_->prepare("SELECT name, value FROM setting"));
    hub_settings out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        const std::string name = rows.text(0), value = rows.text(1);
        // What this version does not know lets nobody in.
        if (name == "device_sas") {
            out.device_sas = value == on;
        } else if (name == "module_sas") {
            out.module_sas = value == on;
        } else if (name == "host_name") {
            out.host_name = value;
        }
    }
}

result<void> sqlite_hub_store::set(const hub_settings& settings) {
    return db_->transaction([&]() -> result<void> {
        const auto keep = [this](std::string_view name, std::string_view value) -> result<void> {
            BERTH_TRY(write, db_->prepare("INSERT INTO setting (name, value) VALUES (?, ?) "
                                          "ON CONFLICT (name) DO UPDATE SET value = excluded.value"));
            return write.bind(name).bind(value).run();
        };
        BERTH_CHECK(keep("device_sas", settings.device_sas ? on : "off"));
        BERTH_CHECK(keep("module_sas", settings.module_sas ? on : "off"));
        BERTH_CHECK(keep("host_name", settings.host_name));
        return count("settings", 1);
    });
}

result<uint64_t> sqlite_hub_store::settings_generation() {
    BERTH_TRY(value, counted("settings"));
    return static_cast<uint64_t>(value);
}

}  // namespace berth::store
