#include "keystore/stsafe/credentials.h"

#include "base/wipe.h"
#include "keystore/stsafe/framed_record.h"
#include "keystore/stsafe/key_record.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

namespace berth::keystore::stsafe {

namespace {

constexpr size_t most_body = 4096;
// The chip's own identity, the device's, its KEM key and its LDevID, unless they were named otherwise: what is empty there may be
// waiting for them.
constexpr uint8_t last_device_zone = 3;
constexpr uint8_t least_zone = 16;  // octets: a smaller one holds nothing of ours

struct credential_record {
    wire::opaque<1, most_credential_name> name;
    secret_rest secret;
    BERTH_FIELDS(name, secret)
};

zone_condition condition_of(unsigned octet) {
    switch (static_cast<zone_access>(octet & 0x07U)) {
    case zone_access::always: return zone_condition::anybody;
    case zone_access::host: return zone_condition::host;
    case zone_access::authenticated_and_host: return zone_condition::entity;
    case zone_access::never: return zone_condition::nobody;
    default: return zone_condition::other;
    }
}

zone_access access_of(zone_condition c) {
    switch (c) {
    case zone_condition::anybody: return zone_access::always;
    case zone_condition::host: return zone_access::host;
    case zone_condition::entity: return zone_access::authenticated_and_host;
    case zone_condition::nobody:
    case zone_condition::other: break;
    }
    return zone_access::never;
}

result<std::optional<credential_record>> read_credential(device& chip, uint8_t zone, protection how) {
    BERTH_TRY(body, read_framed(chip, zone, credential_magic, most_body, how));
    if (!body) {
        return std::nullopt;
    }
    auto record = wire::decode<credential_record>(*body);
    wipe(*body);
    return record ? std::optional(std::move(*record)) : std::nullopt;
}

// What lies in a data zone that may be read.
result<void> look_into(device& chip, protection how, zone_summary& at) {
    BERTH_TRY(credential, read_credential(chip, at.zone, how));
    if (credential) {
        at.content = zone_content::credential;
        at.name = std::string(as_text(credential->name.view()));
        at.secret_size = credential->secret.value.size();
        return {};
    }
    BERTH_TRY(head, read_octets(chip, at.zone, 0, least_zone, how));
    if (as_text(bytes_view(head).first(credential_magic.size())) == credential_magic) {
        at.content = zone_content::damaged;
        return {};
    }
    BERTH_TRY(key, read_record(chip, at.zone, how));
    const auto blank = [&](uint8_t octet) {
        return std::all_of(head.begin(), head.end(), [&](uint8_t o) { return o == octet; });
    };
    const bool trusted = key && key->kind == record_kind::trusted;
    at.content = trusted                              ? zone_content::trusted
                 : key                                ? zone_content::key
                 : head[0] == 0x30 && head[1] == 0x82 ? zone_content::certificate
                 : blank(0x00) || blank(0xff)         ? zone_content::empty
                                                      : zone_content::other;
    return {};
}

tl::unexpected<error> refused(std::string name, std::string message, const std::string& credential) {
    return fail(error{error_category::usage, std::move(name), std::move(message)}.with("name", credential));
}

tl::unexpected<error> not_found(const std::vector<zone_summary>& zones, const std::string& name) {
    const bool closed = std::ranges::any_of(zones, [](const zone_summary& z) { return z.content == zone_content::closed; });
    return fail(error{error_category::environment, "credential_not_found",
                      fmt::format("The STSAFE-A holds no credential \"{}\"{}.", name,
                                  closed ? " that can be read so; some of its zones are for the host or an entity alone: give "
                                           "the host key, or the entity's"
                                         : "")}
                    .with("name", name));
}

const zone_summary* find(const std::vector<zone_summary>& zones, const std::string& name) {
    const auto found = std::ranges::find_if(
        zones, [&](const zone_summary& z) { return z.content == zone_content::credential && z.name == name; });
    return found == zones.end() ? nullptr : &*found;
}

std::string why_no_room(const std::vector<zone_summary>& zones, size_t size, const credential_options& options) {
    if (options.zone) {
        const auto at = std::ranges::find(zones, *options.zone, &zone_summary::zone);
        return at == zones.end()
                   ? fmt::format("There is no zone {}: this STSAFE-A has zones 0 to {}.", *options.zone, zones.size() - 1)
                   : fmt::format("Zone {} has {} octets, and {} are needed; `berth se store list` shows the others.",
                                 *options.zone, at->size, size);
    }
    const auto kept = std::ranges::find_if(zones, [&](const zone_summary& z) {
        return z.zone <= last_device_zone && z.content == zone_content::empty && z.size >= size;
    });
    return fmt::format("No zone of {} octets or more is empty behind zone {}; `berth se store list` shows what there is.{}", size,
                       last_device_zone,
                       kept == zones.end()
                           ? std::string()
                           : fmt::format(" Zone {0} is empty, and the place of an identity or a key of the device: "
                                         "name it (--zone {0}) if you mean it.",
                                         kept->zone));
}

std::string_view what_is_in(zone_content c) {
    switch (c) {
    case zone_content::key: return "the public half of a slot's key";
    case zone_content::trusted: return "the key that firmware is verified with";
    case zone_content::certificate: return "a certificate: an identity";
    case zone_content::credential: return "another credential";
    case zone_content::closed: return "by whom cannot be read without the host key, or an entity's";
    default: return name_of(c);
    }
}

// Where a new one goes: to the zone that was named, if it is free, or the smallest free one.
result<const zone_summary*> choose(const std::vector<zone_summary>& zones, const std::string& name, size_t size,
                                   const credential_options& options) {
    const zone_summary* best = nullptr;
    for (const zone_summary& z : zones) {
        if (options.zone && *options.zone == z.zone) {
            if (z.content != zone_content::empty && z.content != zone_content::damaged) {
                return refused("zone_in_use",
                               fmt::format("Zone {} is in use ({}), and stays as it is.", z.zone, what_is_in(z.content)), name);
            }
            best = &z;
        } else if (!options.zone && z.zone > last_device_zone && z.content == zone_content::empty &&
                   z.writing != zone_condition::nobody && z.size >= size && (best == nullptr || z.size < best->size)) {
            best = &z;
        }
    }
    if (best == nullptr || best->size < size) {
        return refused("no_room", why_no_room(zones, size, options), name);
    }
    return best;
}

// That the conditions can be what they are to be, and that whoever asks for them does not shut itself out.
result<void> check_conditions(const device& chip, const zone_summary& at, const std::string& name,
                              const credential_options& options) {
    if (options.reading == zone_condition::nobody || options.reading == zone_condition::other ||
        options.writing == zone_condition::other) {
        return refused("bad_condition",
                       "A credential is read by anybody, the host or an entity, and written by these or by nobody.", name);
    }
    const auto asks = [&](zone_condition c) { return options.reading == c || options.writing == c; };
    if ((asks(zone_condition::host) || asks(zone_condition::entity)) && !chip.has_host_session()) {
        return fail(error_category::usage, "stsafe_session",
                    "A condition that asks for the host needs a host session: name the host key (host-key=FILE).");
    }
    if ((asks(zone_condition::entity) || at.writing == zone_condition::entity) && !options.entity_proved) {
        return fail(error_category::usage, "stsafe_no_entity",
                    "A condition that asks for an entity needs one that proves itself: name its key (--entity KEY).");
    }
    if (at.writing == zone_condition::host && !chip.has_host_session()) {
        return fail(error_category::usage, "stsafe_session",
                    fmt::format("Zone {} is written by the host alone: name the host key (host-key=FILE).", at.zone));
    }
    const auto fixed = [](const std::optional<zone_condition>& wanted, zone_condition is, bool may_change) {
        return wanted && *wanted != is && !may_change;
    };
    // Nobody writes it: not even another condition, whatever the right to change says.
    if (at.writing == zone_condition::nobody || fixed(options.reading, at.reading, at.reading_may_change) ||
        fixed(options.writing, at.writing, at.writing_may_change)) {
        return refused("condition_fixed",
                       fmt::format("Zone {} is read by {} and written by {}, which may not change any more; name another zone.",
                                   at.zone, name_of(at.reading), name_of(at.writing)),
                       name);
    }
    return {};
}

std::optional<access_change> change_to(const std::optional<zone_condition>& wanted, zone_condition is, bool may_change,
                                       bool final) {
    if (!wanted || !may_change || (*wanted == is && !final)) {
        return std::nullopt;
    }
    return access_change{access_of(*wanted), !final};
}

}  // namespace

std::string_view name_of(zone_condition c) noexcept {
    constexpr std::array<std::string_view, 5> names{"anybody", "host", "entity", "nobody", "other"};
    return names.at(static_cast<size_t>(c));
}

std::string_view name_of(zone_content c) noexcept {
    constexpr std::array<std::string_view, 9> names{"empty",   "credential", "damaged", "key",    "certificate",
                                                    "counter", "other",      "closed",  "trusted"};
    return names.at(static_cast<size_t>(c));
}

result<std::vector<zone_summary>> list_zones(device& chip) {
    const protection how = strongest(chip);
    BERTH_TRY(partitions, read_partitions(chip));
    std::vector<zone_summary> out;
    for (const partition& p : partitions) {
        zone_summary z{.zone = p.zone,
                       .size = p.length,
                       .name = {},
                       .reading = condition_of(p.access >> 4U),
                       .writing = condition_of(p.access),
                       .reading_may_change = (p.access & 0x80U) != 0,
                       .writing_may_change = (p.access & 0x08U) != 0};
        if (p.type == 1) {
            z.content = zone_content::counter;
        } else if (z.size < least_zone) {
            z.content = zone_content::other;
        } else if (auto seen = look_into(chip, how, z); !seen) {
            const bool closed = seen.error().is("stsafe_access_condition");
            if (!closed && !seen.error().is("stsafe_boundary")) {  // what looks like a record, and is longer than the zone
                return fail(std::move(seen).error());
            }
            z.content = closed ? zone_content::closed : zone_content::other;
        }
        out.push_back(std::move(z));
    }
    return out;
}

result<uint8_t> put_credential(device& chip, const std::string& name, const secret_bytes& secret,
                               const credential_options& options) {
    if (name.empty() || name.size() > most_credential_name) {
        return refused("bad_credential_name", fmt::format("A credential's name has 1 to {} octets.", most_credential_name), name);
    }
    BERTH_TRY(zones, list_zones(chip));
    const size_t size = frame_overhead + 1 + name.size() + secret.size();
    const zone_summary* at = find(zones, name);
    if (at != nullptr) {
        if (!options.replace) {
            return refused(
                "credential_exists",
                fmt::format("The credential \"{}\" is there, in zone {}, and stays as it is; replacing it has to be said.", name,
                            at->zone),
                name);
        }
        if (at->size < size || (options.zone && *options.zone != at->zone)) {
            return refused(
                "no_room",
                fmt::format("The credential \"{}\" is in zone {}, of {} octets, and {} are needed there: remove it first.", name,
                            at->zone, at->size, size),
                name);
        }
    } else if (options.replace) {
        error e = not_found(zones, name).value();
        e.message += " Nothing is replaced; a new one is put there without --replace.";
        return fail(std::move(e));
    } else {
        BERTH_TRY(chosen, choose(zones, name, size, options));
        at = chosen;
    }
    BERTH_CHECK(check_conditions(chip, *at, name, options));
    const protection how = strongest(chip);
    if (at->content != zone_content::empty) {  // a shorter one would leave the end of the longer one behind
        BERTH_CHECK(blank_framed(chip, at->zone, most_body, how));
    }
    // Who may read it is settled before it is there, who may replace it when it is.
    if (const auto change = change_to(options.reading, at->reading, at->reading_may_change, options.final)) {
        BERTH_CHECK(chip.run(read_zone{zone_option(change), at->zone, 0, 0}, how));
    }
    credential_record record;
    record.name = wire::opaque<1, most_credential_name>(as_bytes(name));
    record.secret.value = secret;
    BERTH_TRY(body, wire::encode(record));
    auto written = write_framed(chip, at->zone, credential_magic, body, how);
    wipe(body);
    BERTH_CHECK(written);
    if (const auto change = change_to(options.writing, at->writing, at->writing_may_change, options.final)) {
        BERTH_CHECK(chip.run(update_zone{zone_option(change), at->zone, 0, {to_bytes(as_bytes(credential_magic))}}, how));
    }
    return at->zone;
}

result<secret_bytes> get_credential(device& chip, const std::string& name) {
    BERTH_TRY(zones, list_zones(chip));
    const zone_summary* const at = find(zones, name);
    if (at == nullptr) {
        return not_found(zones, name);
    }
    BERTH_TRY(record, read_credential(chip, at->zone, strongest(chip)));
    if (!record) {
        return not_found(zones, name);
    }
    return std::move(record->secret.value);
}

result<uint8_t> remove_credential(device& chip, const std::string& name) {
    BERTH_TRY(zones, list_zones(chip));
    const zone_summary* const at = find(zones, name);
    if (at == nullptr) {
        return not_found(zones, name);
    }
    if (at->writing == zone_condition::nobody) {
        return refused(
            "condition_fixed",
            fmt::format("The credential \"{}\" is in zone {}, which nobody writes ever again: it stays there.", name, at->zone),
            name);
    }
    BERTH_CHECK(blank_framed(chip, at->zone, most_body, strongest(chip)));
    return at->zone;
}

}  // namespace berth::keystore::stsafe
