// Identities of devices and modules, and the stream of what became of them.
#include "store/sqlite/hub_store.h"

#include "store/sqlite/migrations.h"

namespace berth::store {

using namespace registry;

namespace {

constexpr uint32_t hub_kind = 0x42454855;  // "BEHU"
constexpr uint64_t most_modules = 50;

#define BERTH_IDENTITY_COLUMNS                                                                                                \
    "SELECT device, module, generation, version, enabled, reason, login, first_print, second_print, grouped, tags, created, " \
    "status_changed, last_activity, epoch, epoch_raised FROM identity "

std::optional<thumbprint> read_print(const statement& row, int column) {
    return row.blob(column).empty() ? std::nullopt : std::optional(row.array<std::tuple_size_v<thumbprint>>(column));
}

bytes_view print_blob(const std::optional<thumbprint>& print) {
    return print ? bytes_view(*print) : bytes_view();
}

identity read_identity(const statement& row) {
    identity out;
    out.name = {row.text(0), row.text(1)};
    out.generation = static_cast<uint64_t>(row.integer(2));
    out.version = static_cast<uint64_t>(row.integer(3));
    out.settings.enabled = row.integer(4) != 0;
    out.settings.status_reason = row.text(5);
    // What this version does not know lets nobody in.
    out.settings.login.way = login_way_from(row.text(6)).value_or(login_way::none);
    out.settings.login.primary = read_print(row, 7);
    out.settings.login.secondary = read_print(row, 8);
    out.settings.group = row.text(9);
    out.settings.tags = row.text(10);
    out.created = row.integer(11);
    out.status_changed = row.integer(12);
    out.last_activity = row.integer(13);
    out.epoch = static_cast<uint32_t>(row.integer(14));
    out.epoch_raised = row.integer(15);
    return out;
}

tl::unexpected<error> unknown_identity(const identity_name& name) {
    return fail(error{error_category::peer,
                      "unknown_identity",
                      fmt::format("there is no {} \"{}\"", name.is_module() ? "module" : "device", name.text()),
                      {{"name", name.text()}}});
}

}  // namespace

result<std::unique_ptr<sqlite_hub_store>> sqlite_hub_store::open(const std::string& path, opening how) {
    BERTH_TRY(db, database::open(path, hub_schema(), hub_kind, how));
    return std::unique_ptr<sqlite_hub_store>(new sqlite_hub_store(std::move(db)));
}

result<void> sqlite_hub_store::count(const char* name, int64_t more) {
    BERTH_TRY(write, db_->prepare("UPDATE tally SET value = value + ?2 WHERE name = ?1"));
    return write.bind(std::string_view(name)).bind(more).run();
}

result<int64_t> sqlite_hub_store::counted(const char* name) {
    BERTH_TRY(read, db_->prepare("SELECT value FROM tally WHERE name = ?"));
    BERTH_TRY(row, read.bind(std::string_view(name)).step());
    return row ? read.integer(0) : 0;
}

result<void> sqlite_hub_store::tell(identity_change what, const identity& about, unix_seconds now) {
    BERTH_TRY(write, db_->prepare("INSERT INTO identity_event (at, what, device, module, generation) VALUES (?, ?, ?, ?, ?)"));
    return write.bind(now)
        .bind(to_string(what))
        .bind(about.name.device)
        .bind(about.name.module)
        .bind(static_cast<int64_t>(about.generation))
        .run();
}

// ---- identities

result<void> sqlite_hub_store::add(const identity& fresh) {
    return db_->transaction([&]() -> result<void> {
        if (fresh.name.is_module()) {
            BERTH_TRY(device, find({fresh.name.device, ""}));
            if (!device) {
                return unknown_identity({fresh.name.device, ""});
            }
            BERTH_TRY(read, db_->prepare("SELECT COUNT(*) FROM identity WHERE device = ? AND module <> ''"));
            BERTH_TRY(row, read.bind(fresh.name.device).step());
            if (row && static_cast<uint64_t>(read.integer(0)) >= most_modules) {
                return fail(error_category::usage, "too_many_modules",
                            fmt::format("\"{}\" has {} modules, as many as a device may have", fresh.name.device, most_modules));
            }
        }
        BERTH_TRY(write, db_->prepare("INSERT INTO identity (device, module, generation, version, enabled, reason, login, "
                                      "first_print, second_print, grouped, tags, created, status_changed, epoch) VALUES "
                                      "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"));
        const auto& s = fresh.settings;
        BERTH_CHECK(write.bind(fresh.name.device)
                        .bind(fresh.name.module)
                        .bind(static_cast<int64_t>(fresh.generation))
                        .bind(static_cast<int64_t>(fresh.version))
                        .bind(int64_t{s.enabled})
                        .bind(s.status_reason)
                        .bind(to_string(s.login.way))
                        .bind(print_blob(s.login.primary))
                        .bind(print_blob(s.login.secondary))
                        .bind(s.group)
                        .bind(s.tags)
                        .bind(fresh.created)
                        .bind(fresh.status_changed)
                        .bind(int64_t{fresh.epoch})
                        .run());
        if (db_->changes() == 0) {
            return fail(error{
                error_category::usage,
                "identity_exists",
                fmt::format("there is a {} \"{}\" already", fresh.name.is_module() ? "module" : "device", fresh.name.text()),
                {{"name", fresh.name.text()}}});
        }
        BERTH_CHECK(count(fresh.name.is_module() ? "modules" : "devices", 1));
        if (!fresh.name.is_module() && !s.enabled) {
            BERTH_CHECK(count("disabled", 1));
        }
        return tell(identity_change::created, fresh, fresh.created);
    });
}

result<std::optional<identity>> sqlite_hub_store::find(const identity_name& name) {
    BERTH_TRY(read, db_->prepare(BERTH_IDENTITY_COLUMNS "WHERE device = ? AND module = ?"));
    BERTH_TRY(row, read.bind(name.device).bind(name.module).step());
    return row ? std::optional(read_identity(read)) : std::nullopt;
}

result<std::vector<identity>> sqlite_hub_store::list(const identity_query& query) {
    // Each has the index that it can walk from `after` on; what else is asked for is judged row by row.
    const char* sql = BERTH_IDENTITY_COLUMNS "WHERE (device, module) > (?1, ?2) AND module = '' ORDER BY device, module";
    if (query.device) {
        sql = BERTH_IDENTITY_COLUMNS "WHERE device = ?3 AND module > ?2 AND module <> '' ORDER BY module";
    } else if (query.group && !query.group->empty()) {
        sql = query.modules ? BERTH_IDENTITY_COLUMNS
                  "WHERE grouped = ?3 AND grouped <> '' AND (device, module) > (?1, ?2) AND module <> '' ORDER BY device, module"
                            : BERTH_IDENTITY_COLUMNS
                  "WHERE grouped = ?3 AND grouped <> '' AND (device, module) > (?1, ?2) AND module = '' ORDER BY device, module";
    } else if (query.modules) {
        sql = BERTH_IDENTITY_COLUMNS "WHERE (device, module) > (?1, ?2) AND module <> '' ORDER BY device, module";
    } else if (query.enabled && !*query.enabled) {
        sql = BERTH_IDENTITY_COLUMNS "WHERE enabled = 0 AND (device, module) > (?1, ?2) AND module = '' ORDER BY device, module";
    }
    BERTH_TRY(rows, db_->prepare(sql));
    rows.bind(query.after.device).bind(query.after.module);
    if (query.device) {
        rows.bind(*query.device);
    } else if (query.group && !query.group->empty()) {
        rows.bind(*query.group);
    }
    std::vector<identity> out;
    while (out.size() < query.most) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            break;
        }
        identity one = read_identity(rows);
        const bool wanted =
            (!query.enabled || one.settings.enabled == *query.enabled) && (!query.group || one.settings.group == *query.group);
        if (wanted) {
            out.push_back(std::move(one));
        }
    }
    return out;
}

result<identity> sqlite_hub_store::unchanged(const identity& before) {
    BERTH_TRY(now, find(before.name));
    if (!now) {
        return unknown_identity(before.name);
    }
    BERTH_CHECK(check_etag(*now, before.etag()));
    return std::move(*now);
}

result<identity> sqlite_hub_store::change(const identity& before, const identity_settings& settings, unix_seconds now) {
    return db_->transaction([&]() -> result<identity> {
        BERTH_TRY(after, unchanged(before));
        const bool was_enabled = after.settings.enabled;
        after.settings = settings;
        ++after.version;
        if (settings.enabled != was_enabled) {
            after.status_changed = now;
        }
        BERTH_TRY(write,
                  db_->prepare("UPDATE identity SET version = ?, enabled = ?, reason = ?, login = ?, first_print = ?, "
                               "second_print = ?, grouped = ?, tags = ?, status_changed = ? WHERE device = ? AND module = ?"));
        BERTH_CHECK(write.bind(static_cast<int64_t>(after.version))
                        .bind(int64_t{settings.enabled})
                        .bind(settings.status_reason)
                        .bind(to_string(settings.login.way))
                        .bind(print_blob(settings.login.primary))
                        .bind(print_blob(settings.login.secondary))
                        .bind(settings.group)
                        .bind(settings.tags)
                        .bind(after.status_changed)
                        .bind(after.name.device)
                        .bind(after.name.module)
                        .run());
        auto what = identity_change::changed;
        if (settings.enabled != was_enabled) {
            what = settings.enabled ? identity_change::enabled : identity_change::disabled;
            if (!after.name.is_module()) {
                BERTH_CHECK(count("disabled", settings.enabled ? -1 : 1));
            }
        }
        BERTH_CHECK(tell(what, after, now));
        return after;
    });
}

result<void> sqlite_hub_store::remove_one(const identity& gone, unix_seconds now) {
    BERTH_TRY(write, db_->prepare("DELETE FROM identity WHERE device = ? AND module = ?"));
    BERTH_CHECK(write.bind(gone.name.device).bind(gone.name.module).run());
    BERTH_CHECK(count(gone.name.is_module() ? "modules" : "devices", -1));
    if (!gone.name.is_module() && !gone.settings.enabled) {
        BERTH_CHECK(count("disabled", -1));
    }
    return tell(identity_change::deleted, gone, now);
}

result<void> sqlite_hub_store::remove(const identity& before, unix_seconds now) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(gone, unchanged(before));
        if (!gone.name.is_module()) {
            identity_query of_device;
            of_device.device = gone.name.device;
            of_device.most = most_modules;
            BERTH_TRY(modules, list(of_device));
            for (const auto& module : modules) {
                BERTH_CHECK(remove_one(module, now));
            }
        }
        return remove_one(gone, now);
    });
}

result<identity> sqlite_hub_store::raise_epoch(const identity_name& name, unix_seconds now) {
    return db_->transaction([&]() -> result<identity> {
        BERTH_TRY(found, find(name));
        if (!found) {
            return unknown_identity(name);
        }
        ++found->epoch;
        found->epoch_raised = now;
        ++found->version;
        BERTH_TRY(write,
                  db_->prepare("UPDATE identity SET epoch = ?, epoch_raised = ?, version = ? WHERE device = ? AND module = ?"));
        BERTH_CHECK(write.bind(int64_t{found->epoch})
                        .bind(now)
                        .bind(static_cast<int64_t>(found->version))
                        .bind(name.device)
                        .bind(name.module)
                        .run());
        BERTH_CHECK(tell(identity_change::revoked, *found, now));
        return std::move(*found);
    });
}

result<bool> sqlite_hub_store::knows_thumbprint(const thumbprint& print) {
    BERTH_TRY(read, db_->prepare("SELECT 1 FROM identity WHERE first_print = ?1 AND first_print <> x'' UNION ALL "
                                 "SELECT 1 FROM identity WHERE second_print = ?1 AND second_print <> x'' LIMIT 1"));
    return read.bind(print).step();
}

result<void> sqlite_hub_store::note_login(const identity_name& name, const std::array<uint8_t, 32>& ca, unix_seconds now) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(number, ca_number(ca));
        BERTH_TRY(write, db_->prepare("UPDATE identity SET last_activity = ?, login_ca = ? WHERE device = ? AND module = ?"));
        return write.bind(now).bind(number).bind(name.device).bind(name.module).run();
    });
}

result<identity_tally> sqlite_hub_store::tally() {
    BERTH_TRY(devices, counted("devices"));
    BERTH_TRY(disabled, counted("disabled"));
    BERTH_TRY(modules, counted("modules"));
    return identity_tally{static_cast<uint64_t>(devices), static_cast<uint64_t>(disabled), static_cast<uint64_t>(modules)};
}

// ---- life-cycle events

result<std::vector<identity_event>> sqlite_hub_store::events(uint64_t after, size_t most) {
    BERTH_TRY(rows, db_->prepare("SELECT number, at, what, device, module, generation FROM identity_event WHERE number > ? "
                                 "ORDER BY number LIMIT ?"));
    rows.bind(static_cast<int64_t>(after)).bind(static_cast<int64_t>(most));
    std::vector<identity_event> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        out.push_back({static_cast<uint64_t>(rows.integer(0)),
                       rows.integer(1),
                       identity_change_from(rows.text(2)).value_or(identity_change::changed),
                       {rows.text(3), rows.text(4)},
                       static_cast<uint64_t>(rows.integer(5))});
    }
}

result<uint64_t> sqlite_hub_store::newest_event() {
    BERTH_TRY(read, db_->prepare("SELECT seq FROM sqlite_sequence WHERE name = 'identity_event'"));
    BERTH_TRY(row, read.step());
    return row ? static_cast<uint64_t>(read.integer(0)) : 0;
}

result<void> sqlite_hub_store::forget_events(uint64_t up_to) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(write, db_->prepare("DELETE FROM identity_event WHERE number <= ?"));
        return write.bind(static_cast<int64_t>(up_to)).run();
    });
}

}  // namespace berth::store
