// PutAttribute and Query.
#include "keystore/stsafe/commands/attributes.h"
#include "keystore/stsafe/model/handlers.h"

namespace berth::keystore::stsafe::model {

namespace {

constexpr uint8_t right_encryption = 0x01;
constexpr uint8_t right_access = 0x02;
constexpr uint8_t locked = 0x80;

template <wire::structure T>
result<T> content_of(const put_attribute& command) {
    return wire::decode<T>(command.content.value.reveal());
}

// The only ways through life: from birth to work to the end; and from birth or work into the lock and out of it.
bool may_follow(life_cycle from, life_cycle to) {
    const auto f = static_cast<uint8_t>(from);
    const auto t = static_cast<uint8_t>(to);
    if (from == life_cycle::terminated) {
        return false;
    }
    if ((f ^ t) == locked) {
        return (f & ~locked) != static_cast<uint8_t>(life_cycle::terminated);
    }
    return (from == life_cycle::born && to == life_cycle::operational) || to == life_cycle::terminated;
}

bool is_life_cycle(life_cycle state) {
    switch (state) {
    case life_cycle::born:
    case life_cycle::operational:
    case life_cycle::terminated:
    case life_cycle::born_and_locked:
    case life_cycle::operational_and_locked: return true;
    }
    return false;
}

outcome put_life_cycle(core& c, const put_attribute& command) {
    const auto content = content_of<life_cycle_content>(command);
    if (!content) {
        return refuse(status::inconsistent_data);
    }
    if (!is_life_cycle(content->state)) {
        return refuse(status::out_of_range);
    }
    if (!may_follow(c.kept.life, content->state)) {
        return refuse(status::life_cycle);
    }
    c.kept.life = content->state;
    return bytes{};
}

outcome put_host_key(core& c, const put_attribute& command) {
    const auto content = content_of<host_keys_content>(command);
    if (!content) {
        return refuse(status::inconsistent_data);
    }
    const status may = host_key_may_come(c, host_provisioning::plaintext, std::nullopt);
    if (may != status::ok) {
        return refuse(may);
    }
    c.kept.host_key_present = 1;
    c.kept.host_key_version = 1;
    c.kept.host_counter = 0;
    c.kept.host_key.value = content->mac.value;
    c.kept.host_key.value.append(content->cipher.value.reveal());
    return bytes{};
}

outcome put_password(core& c, const put_attribute& command) {
    const auto content = content_of<password_content>(command);
    if (!content) {
        return refuse(status::inconsistent_data);
    }
    if (content->tries == 0) {
        return refuse(status::out_of_range);
    }
    if (c.kept.password_present != 0) {
        return refuse(status::not_authorized);
    }
    c.kept.password_present = 1;
    c.kept.password_tries = content->tries;
    c.kept.password_most_tries = content->tries;
    c.kept.password.value = content->password.value;
    return bytes{};
}

// One octet for each command listed: tag 29 its access condition, tag 2a its encryption flags. Once each.
outcome put_table(core& c, const put_attribute& command) {
    const bool access = command.tag == attribute::command_access;
    const uint8_t right = access ? right_access : right_encryption;
    if ((c.kept.change_rights & right) == 0) {
        return refuse(status::not_authorized);
    }
    wire::reader r(command.content.value.reveal());
    while (r.ok() && r.left() > 0) {
        command_head head{.header = static_cast<uint8_t>(r.integer(1)), .extension = std::nullopt};
        if (head.header == extended_prefix) {
            head.extension = static_cast<uint8_t>(r.integer(1));
        }
        const auto value = static_cast<uint8_t>(r.integer(1));
        const authorization* found = find_authorization(c.kept, head);
        const unsigned most = access ? static_cast<unsigned>(command_access::admin_or_host) : 3U;
        if (!r.ok() || found == nullptr || value > most) {
            return refuse(status::out_of_range);
        }
        auto& entry = c.kept.commands.items[static_cast<size_t>(found - c.kept.commands.items.data())];
        if (access) {
            entry.access = static_cast<command_access>(value);
        } else {
            entry.encryption = value;
        }
    }
    c.kept.change_rights = static_cast<uint8_t>(c.kept.change_rights & ~right);
    return bytes{};
}

outcome put_i2c(core& c, const put_attribute& command) {
    const bytes_view content = command.content.value.reveal();
    if (content.size() != 2) {
        return refuse(status::inconsistent_data);
    }
    // [stsafea_put_query.h] stsafea_i2c_parameters_t: the address in the upper seven bits of the first octet.
    const auto address = static_cast<uint8_t>(content[0] >> 1);
    if (address < 0x08 || address > 0x77) {
        return refuse(status::out_of_range);
    }
    c.kept.address = address;
    return bytes{};
}

outcome do_put(core& c, const put_attribute& command) {
    if (command.tag == attribute::life_cycle) {
        return put_life_cycle(c, command);
    }
    if (command.tag == attribute::public_key_flags) {
        return put_public_key_flags(c, command.content.value.reveal());
    }
    if (command.tag == attribute::symmetric_provisioning) {
        return put_provisioning(c, command.content.value.reveal());
    }
    // What makes a chip somebody's own is set before it goes to work.
    if (c.kept.life != life_cycle::born) {
        return refuse(status::life_cycle);
    }
    switch (command.tag) {
    case attribute::host_key: return put_host_key(c, command);
    case attribute::host_key_provisioning: return put_host_provisioning(c, command.content.value.reveal());
    case attribute::password: return put_password(c, command);
    case attribute::command_access:
    case attribute::command_encryption: return put_table(c, command);
    case attribute::i2c: return put_i2c(c, command);
    default: return refuse(status::entry_not_found);
    }
}

bytes envelope_table(const chip_state& state) {
    bytes out{static_cast<uint8_t>(state.envelopes.size())};
    for (size_t i = 0; i < state.envelopes.size(); ++i) {
        const envelope_slot& slot = state.envelopes.items[i];
        append(out, bytes{static_cast<uint8_t>(i), slot.present, slot.size});
    }
    return out;
}

// [stsafea_asymmetric_key_slots.c] count, filler, global usage limit, then per slot number, presence, mode of operation, and of
// a present key its curve.
bytes key_table(const chip_state& state) {
    bytes out{static_cast<uint8_t>(state.keys.size()), 0, 0xff, 0xff};
    for (size_t i = 0; i < state.keys.size(); ++i) {
        const key_slot& slot = state.keys.items[i];
        // Second octet of the mode: bit 0 key establishment, bit 2 signatures over external data.
        append(out, bytes{static_cast<uint8_t>(i), slot.present, 0, static_cast<uint8_t>(i == 0 ? 0x04 : 0x05)});
        if (slot.present != 0) {
            const bytes_view name = name_of(static_cast<curve_kind>(slot.curve));
            append(out, bytes{0, static_cast<uint8_t>(name.size())});
            append(out, name);
        }
    }
    return out;
}

bytes zone_table(const chip_state& state) {
    std::vector<partition> out;
    for (const zone& z : state.zones.items) {
        out.push_back({static_cast<uint8_t>(out.size()), z.type, z.access, static_cast<uint16_t>(z.data.size()),
                       z.type == 1 ? std::optional(z.counter) : std::nullopt});
    }
    return encode(out);
}

bytes authorizations(const chip_state& state) {
    command_table out{state.change_rights, {}};
    for (const authorization& a : state.commands.items) {
        out.records.push_back(
            {a.code, a.code == extended_prefix ? std::optional(a.extension) : std::nullopt, a.access, a.encryption});
    }
    return encode(out);
}

outcome do_query_of(core& c, const query& command) {
    const chip_state& s = c.kept;
    switch (command.tag) {
    case attribute::envelope_keys: return envelope_table(s);
    case attribute::life_cycle: return bytes{static_cast<uint8_t>(s.life)};
    case attribute::password: return bytes{s.password_present, s.password_tries};
    case attribute::i2c: return bytes{static_cast<uint8_t>(s.address << 1), 0};
    // [stsafea_put_query.c] Sub-tag 01 is the mask, three octets: no silicon says this.
    case attribute::product_data: return bytes{0x01, 0x03, 'S', 'I', 'M'};
    case attribute::partitions: return zone_table(s);
    case attribute::private_keys: return key_table(s);
    case attribute::host_key: {
        const bool here = s.host_key_version == 1;
        return answer(host_key_content{here ? s.host_key_present : uint8_t{0}, {here ? s.host_counter : 0}});
    }
    case attribute::host_key_v2: {
        if (s.kind == product::a110) {
            return refuse(status::entry_not_found);
        }
        const bool here = s.host_key_version == 2 && s.host_key_present != 0;
        const uint8_t type = here && s.host_key.value.size() == 64 ? 1 : 0;
        return answer(host_key_v2_content{here ? uint8_t{1} : uint8_t{0}, type, here ? s.host_counter : 0});
    }
    case attribute::host_key_provisioning:
        return s.kind == product::a110 ? outcome(refuse(status::entry_not_found)) : answer(s.host_provisioning);
    case attribute::public_keys:
        return s.kind == product::a110 ? outcome(refuse(status::entry_not_found)) : outcome(public_key_table(s));
    case attribute::symmetric_keys:
        return s.kind == product::a110 ? outcome(refuse(status::entry_not_found)) : symmetric_table(s);
    case attribute::command_authorization: return authorizations(s);
    default: return refuse(status::entry_not_found);
    }
}

// Of one slot, or of all there is.
outcome do_query(core& c, bytes_view payload) {
    if (!payload.empty() && payload[0] == static_cast<uint8_t>(attribute::symmetric_provisioning)) {
        return query_provisioning_of(c, payload);
    }
    const bool one_slot = !payload.empty() && payload[0] == static_cast<uint8_t>(attribute::public_key_slot);
    return one_slot ? query_public_key_slot(c, payload) : handle(do_query_of).act(c, payload);
}

}  // namespace

std::vector<handler> attribute_handlers() {
    return {handle(do_put), {query::about, do_query}};
}

}  // namespace berth::keystore::stsafe::model
