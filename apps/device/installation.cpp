#include "device/installation.h"

#include "base/log.h"
#include "common/files.h"
#include "pki/private_key_file.h"
#include "store/fault_point.h"

#include <fcntl.h>
#include <stdio.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr size_t most_key_octets = 64 * 1024;

// `fresh` becomes `place`, in one step also when there is one already. An error means that nothing has changed.
result<void> exchange(const fs::path& fresh, const fs::path& place) {
    BERTH_TRY(there, is_there(place));
    if (there) {
        if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, place.c_str(), RENAME_EXCHANGE) != 0) {
            return cannot("rename what was made to", place);
        }
        std::error_code ignored;
        fs::remove_all(fresh, ignored);
    } else if (::rename(fresh.c_str(), place.c_str()) != 0) {
        return cannot("rename what was made to", place);
    }
    return {};
}

// A key from pending/ into the installation, never outside memory that is zeroised.
result<void> copy_key(const fs::path& from, const fs::path& to) {
    BERTH_TRY(key, pki::read_secret_file(from.string(), most_key_octets));
    return pki::write_file_atomically(to.string(), key.reveal(), 0600);
}

}  // namespace

wire::json::object to_json(const installation_state& s) {
    return {{"customer", s.customer},         {"id", to_hex(s.kk3_id)},   {"reported", s.reported},
            {"installed_at", s.installed_at}, {"registrar", s.registrar}, {"configuration_version", s.configuration_version}};
}

bool installation::present() const {
    std::error_code ec;
    return fs::exists(directory_ / "state.json", ec);
}

result<installation_state> installation::state() const {
    BERTH_TRY(text, read_text(directory_ / "state.json"));
    auto read = parse_state(text);
    if (!read) {
        return fail(
            error_category::environment, "bad_installation",
            fmt::format("{} is damaged ({}); berth device reset", (directory_ / "state.json").string(), read.error().message));
    }
    return read;
}

result<installation_state> parse_state(std::string_view text) {
    BERTH_TRY(object, wire::parse_json_object(text));
    installation_state s;
    BERTH_TRY(customer, wire::text_member(object, "customer"));
    BERTH_TRY(id, wire::text_member(object, "id"));
    BERTH_TRY(octets, from_hex(id));
    BERTH_TRY(registrar, wire::text_member(object, "registrar"));
    BERTH_TRY(at, wire::integer_member(object, "installed_at"));
    BERTH_TRY(version, wire::integer_member(object, "configuration_version"));
    if (octets.size() != s.kk3_id.size()) {
        return fail(error_category::environment, "bad_installation", "the id has not 16 octets");
    }
    if (version < 0) {
        return fail(error_category::environment, "bad_installation", "the configuration's version is negative");
    }
    s.customer = customer;
    s.kk3_id = to_array<16>(octets);
    s.registrar = registrar;
    s.installed_at = at;
    s.configuration_version = static_cast<uint64_t>(version);
    const auto* reported = object.if_contains("reported");
    s.reported = reported && reported->is_bool() && reported->get_bool();
    return s;
}

result<void> installation::write_state(const fs::path& in, const installation_state& s) const {
    return write_text(in / "state.json", wire::to_text(to_json(s)) + "\n", 0644);
}

result<void> installation::install(const onboarding::accepted_grant& grant, const onboarding::kk3_id_field& kk3_id,
                                   const std::string& registrar) {
    const fs::path fresh = bundle_.directory / "installed.new";
    std::error_code ec;
    fs::remove_all(fresh, ec);
    BERTH_CHECK(make_directory(fresh, 0755));
    BERTH_CHECK(write_text(fresh / "domain-root.pem", grant.domain_root().to_pem()));
    for (const auto& c : grant.credentials()) {
        BERTH_CHECK(write_text(fresh / (c.name + ".pem"), pki::to_pem(c.chain)));
        const fs::path pending = bundle_.directory / "pending";
        BERTH_TRY(in_chip, is_there(pending / (c.name + ".uri")));
        const std::string key = c.name + (in_chip ? ".uri" : ".key");
        BERTH_CHECK(copy_key(pending / key, fresh / key));
    }
    BERTH_CHECK(write_text(fresh / "config.json", grant.configuration().empty() ? "{}" : grant.configuration()));
    if (!grant.manufacturer_configuration().empty()) {
        BERTH_CHECK(write_text(fresh / "manufacturer.json", grant.manufacturer_configuration()));
    }
    BERTH_CHECK(write_state(fresh, {grant.customer(), kk3_id, false, grant.issued_at(), registrar, 0}));
    BERTH_CHECK(sync_directory(fresh));
    // The time is the voucher's, and true whether or not the installation succeeds. It is written before, because after the
    // exchange nothing may fail any more: the device has installed, and that is what it must say.
    BERTH_CHECK(bundle_.remember_time(grant.issued_at()));
    BERTH_FAULT_POINT("device.before_install");
    BERTH_CHECK(exchange(fresh, directory_));
    BERTH_FAULT_POINT("device.after_install");
    if (const auto durable = sync_directory(bundle_.directory); !durable) {
        log::failure("installation_not_synced", durable.error());
    }
    bundle_.forget_pending_keys();
    return {};
}

result<void> installation::mark_reported() {
    BERTH_TRY(s, state());
    s.reported = true;
    BERTH_FAULT_POINT("device.before_reported");
    auto done = write_state(directory_, s);
    BERTH_FAULT_POINT("device.after_reported");
    return done;
}

result<void> installation::set_configuration(uint64_t version, const std::string& json) {
    BERTH_CHECK(wire::parse_json_object(json));
    BERTH_CHECK(write_text(directory_ / "config.json", json));
    BERTH_TRY(s, state());
    s.configuration_version = version;
    return write_state(directory_, s);
}

result<void> installation::reset() {
    // The names last: as long as they are there, a reset that failed can be repeated.
    bundle_.drop_pending_keys();
    BERTH_CHECK(bundle_.delete_chip_keys(directory_));
    std::error_code ec;
    // The certificates that were renewed since are the same customer's.
    const fs::path kept = bundle_.directory / "credentials";
    for (const auto& credential : fs::directory_iterator(kept, ec)) {
        for (const auto& generation : fs::directory_iterator(credential.path(), ec)) {
            if (generation.is_directory() && !generation.is_symlink()) {
                BERTH_CHECK(bundle_.delete_chip_keys(generation.path()));
            }
        }
    }
    for (const auto& each : {kept, bundle_.directory / "est-trust", directory_}) {
        fs::remove_all(each, ec);
        if (ec) {
            return cannot("remove", each, ec);
        }
    }
    return {};
}

}  // namespace berth::app
