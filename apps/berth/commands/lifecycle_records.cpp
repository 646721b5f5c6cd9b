#include "berth/commands/lifecycle_records.h"

#include "common/files.h"
#include "store/sqlite/ca_store.h"
#include "store/sqlite/masa_store.h"
#include "store/sqlite/registrar_store.h"

namespace berth::app {

namespace {

namespace fs = std::filesystem;
using registry::life_phase;
using registry::ownership_state;
using wanted_root = std::optional<std::array<uint8_t, 32>>;

tl::unexpected<error> ambiguous(const std::string& serial) {
    return fail(error{error_category::usage, "ambiguous_serial",
                      fmt::format("several makers have a device {}: say whose is meant (--maker-root Z1.PEM)", serial)}
                    .with("serial", serial));
}

// Of the devices with a serial the one that is meant; nothing: there is none.
template <class Record>
result<std::optional<Record>> the_one(std::vector<Record> found, const std::string& serial, const wanted_root& root) {
    std::erase_if(found, [&](const Record& r) { return root && r.device.device_root_spki != *root; });
    if (found.size() > 1) {
        return ambiguous(serial);
    }
    return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

// ---- the owner: registrar.db

life_phase phase_at_owner(const registry::registrar_device& d) {
    return d.decommissioned_at                    ? life_phase::decommissioned
           : d.revoked_for == "released"          ? life_phase::reassignment
           : d.certificates > 0 && d.onboarded_at ? life_phase::operational
           : d.certificates > 0                   ? life_phase::provisioning
                                                  : life_phase::enrolment;
}

result<std::optional<told_life>> at_owner(const fs::path& file, const std::string& serial, const wanted_root& root) {
    BERTH_TRY(records, store::sqlite_registrar_store::open(file.string(), store::opening::to_read));
    BERTH_TRY(found, records->find_serial(serial));
    BERTH_TRY(device, the_one(std::move(found), serial, root));
    if (!device) {
        return std::nullopt;
    }
    told_life out{"registrar", serial, phase_at_owner(*device), 0, {}};
    BERTH_TRY(history, records->life_of(device->device));
    for (const auto& e : history) {
        out.history.push_back({e.at, e.step, e.about});
    }
    return std::optional(std::move(out));
}

// ---- the maker: masa.db

result<std::optional<told_life>> at_maker(const fs::path& file, const std::string& serial, const wanted_root& root,
                                          unix_seconds now) {
    BERTH_TRY(records, store::sqlite_masa_store::open(file.string(), store::opening::to_read));
    BERTH_TRY(found, records->find_serial(serial));
    BERTH_TRY(device, the_one(std::move(found), serial, root));
    if (!device) {
        return std::nullopt;
    }
    told_life out{"masa", serial, life_phase::manufacturing, 0, {}};
    bool had_an_owner = false;
    for (uint64_t after = 0;;) {
        BERTH_TRY(some, records->audit_entries(after, 1'000));
        for (const auto& e : some) {
            after = e.number;
            if (e.what.device == device->device) {
                out.history.push_back(
                    {e.what.at, e.what.event,
                     fmt::format("{}{}{}", e.what.customer, e.what.customer.empty() ? "" : ": ", e.what.outcome)});
                had_an_owner = had_an_owner || e.what.event == "released";
            }
        }
        if (some.empty()) {
            break;
        }
    }
    switch (device->at(now).state) {
    case ownership_state::manufactured: out.phase = life_phase::manufacturing; break;
    case ownership_state::assigned: out.phase = had_an_owner ? life_phase::reassignment : life_phase::enrolment; break;
    case ownership_state::onboarded: out.phase = life_phase::operational; break;
    case ownership_state::released: out.phase = life_phase::reassignment; break;
    }
    if (device->revoked) {
        out.phase = life_phase::decommissioned;  // for everybody, for ever
    }
    return std::optional(std::move(out));
}

// ---- the owner's CA: ca.db

result<std::optional<told_life>> at_ca(const fs::path& file, const std::string& serial, const wanted_root& root,
                                       unix_seconds now) {
    BERTH_TRY(records, store::sqlite_ca_store::open(file.string(), store::opening::to_read));
    ca::log_query query;
    query.device = serial;
    std::set<ca::key_hash> makers;
    told_life out{"ca", serial, life_phase::enrolment, 0, {}};
    bool valid = false;
    for (;;) {
        BERTH_TRY(some, records->list(query));
        for (const auto& e : some) {
            query.after = e.number;
            if (root && e.device.maker_root != *root) {
                continue;
            }
            makers.insert(e.device.maker_root);
            out.history.push_back({e.at, "certified", fmt::format("{} {}", e.profile, to_hex(e.serial))});
            BERTH_TRY(status, records->status(e.issuer, e.serial));
            if (status.state == ca::standing::revoked) {
                out.history.push_back({status.at, "revoked", fmt::format("{} (by {})", to_hex(e.serial), status.by)});
            }
            valid = valid || (status.state == ca::standing::good && e.not_after > now);
        }
        if (some.empty()) {
            break;
        }
    }
    if (makers.size() > 1) {
        return ambiguous(serial);
    }
    BERTH_TRY(all, records->withdrawals());
    bool ended = false;
    for (const auto& w : all) {
        const bool meant = w.kind == ca::withdrawal_kind::device && w.value.size() == 32 + serial.size() &&
                           w.value == ca::withdrawal::of_device({to_array<32>(bytes_view(w.value).first(32)), serial});
        if (meant && (!root || same_octets(bytes_view(w.value).first(32), *root))) {
            ended = true;
            out.history.push_back({w.at, "decommissioned", std::string(pki::to_string(w.reason))});
        }
    }
    if (out.history.empty()) {
        return std::nullopt;
    }
    out.phase = ended ? life_phase::decommissioned : valid ? life_phase::operational : life_phase::enrolment;
    const auto all_of_it = [](const auto& e) { return std::tie(e.at, e.step, e.about); };
    std::ranges::sort(out.history, {}, all_of_it);
    // A device that was ended under both of its names (its maker's, and its owner's in requests by EST) has one end.
    const auto twice = std::ranges::unique(out.history, {}, all_of_it);
    out.history.erase(twice.begin(), twice.end());
    return std::optional(std::move(out));
}

}  // namespace

result<std::vector<told_life>> told_lives(const fs::path& directory, const std::string& serial, const std::string& maker_root,
                                          unix_seconds now) {
    wanted_root root;
    if (!maker_root.empty()) {
        BERTH_TRY(certificate, read_certificate(maker_root));
        root = certificate.spki_sha256();
    }
    std::vector<told_life> out;
    bool any = false;
    for (const char* name : {"masa.db", "registrar.db", "ca.db"}) {
        const fs::path file = directory / name;
        BERTH_TRY(there, is_there(file));
        if (!there) {
            continue;
        }
        any = true;
        const std::string_view which = name;
        BERTH_TRY(told, which == "masa.db"        ? at_maker(file, serial, root, now)
                        : which == "registrar.db" ? at_owner(file, serial, root)
                                                  : at_ca(file, serial, root, now));
        if (told) {
            told->since = told->history.empty() ? 0 : told->history.back().at;
            out.push_back(std::move(*told));
        }
    }
    if (!any) {
        return fail(
            error{error_category::usage, "file_not_found",
                  fmt::format("{} holds none of masa.db, registrar.db, ca.db: name the directory of a MASA, a registrar or a "
                              "CA",
                              directory.string())}
                .with("path", directory.string()));
    }
    if (out.empty()) {
        return fail(error{error_category::usage, "unknown_device",
                          fmt::format("the records in {} know no device {}", directory.string(), serial)}
                        .with("serial", serial));
    }
    return out;
}

}  // namespace berth::app
