// Symmetric key slots: how keys come into them and go.
#include "keystore/stsafe/commands/symmetric_keys.h"
#include "keystore/stsafe/model/handlers.h"

namespace berth::keystore::stsafe::model {

namespace {

constexpr uint8_t padding_begins = 0x80;

outcome put_key(core& c, const write_symmetric_key& command) {
    if (command.key.value.size() != command.kind.key_size()) {
        return refuse(status::inconsistent_data);
    }
    c.kept.symmetric_keys.items[command.slot].take(command.lock, command.kind, command.key.value);
    return bytes{};
}

bool allows(const core& c, uint8_t slot, uint8_t way) {
    return slot < c.kept.symmetric_keys.size() && (c.kept.symmetric_keys.items[slot].provisioning & way) != 0;
}

outcome do_write(core& c, const write_symmetric_key& command) {
    const status may =
        may_be_written(c, command.slot, command.lock, command.kind, allows(c, command.slot, provisioning::plaintext));
    return may == status::ok ? put_key(c, command) : outcome(refuse(may));
}

outcome do_write_wrapped(core& c, const write_symmetric_key_wrapped& command) {
    auto content = unwrapped(c, command.envelope.value);
    if (!content) {
        return refuse(content.error());
    }
    size_t size = content->size();
    while (size > 0 && content->reveal()[size - 1] == 0) {
        --size;
    }
    if (size == 0 || content->reveal()[size - 1] != padding_begins || content->size() - size >= 8) {
        return refuse(status::inconsistent_data);
    }
    const auto inner = wire::decode<write_symmetric_key>(content->reveal().first(size - 1));
    if (!inner) {
        return refuse(status::inconsistent_data);
    }
    const uint8_t named = inner->slot < c.kept.symmetric_keys.size() ? c.kept.symmetric_keys.items[inner->slot].wrapped_by : 0;
    const bool open = is_named(c.passing.kek->proved_by, named) || allows(c, inner->slot, provisioning::wrapped_anonymous);
    const status may = may_be_written(c, inner->slot, inner->lock, inner->kind, open);
    return may == status::ok ? put_key(c, *inner) : outcome(refuse(may));
}

outcome do_erase(core& c, const erase_symmetric_key& command) {
    if (command.slot >= c.kept.symmetric_keys.size()) {
        return refuse(status::out_of_range);
    }
    symmetric_slot& slot = c.kept.symmetric_keys.items[command.slot];
    if (slot.present == 0) {
        return refuse(status::key_not_found);
    }
    if (slot.lock == static_cast<uint8_t>(key_lock::locked)) {
        return refuse(status::not_authorized);
    }
    slot.forget();
    return bytes{};
}

}  // namespace

void symmetric_slot::take(key_lock how, const key_kind& kind, const secret_bytes& value) {
    present = 1;
    lock = static_cast<uint8_t>(how);
    type = static_cast<uint8_t>(kind.type);
    mode = static_cast<uint8_t>(kind.mode);
    usage = kind.usage;
    parameters = kind.parameters;
    counter = 0;
    key.value = value;
}

void symmetric_slot::forget() {
    present = 0;
    lock = type = mode = usage = 0;
    parameters = {};
    counter = 0;
    key.value.clear();
}

key_kind symmetric_slot::kind() const {
    return {static_cast<symmetric_type>(type), static_cast<symmetric_mode>(mode), usage, parameters};
}

// [stsafea_symmetric_key_slots.h]
static bool has_valid_parameters(const key_kind& kind) {
    const size_t tag = kind.parameters[0];
    switch (kind.mode) {
    case symmetric_mode::ccm: return (tag == 0 || tag == 4 || tag == 8 || tag == 16) && kind.counter_offset() <= 9;
    case symmetric_mode::gcm: return tag == 4 || tag == 8 || (tag >= 12 && tag <= 16);
    default: return true;
    }
}

bool is_valid(key_lock lock, const key_kind& kind) {
    const bool keyed = kind.mode == symmetric_mode::hkdf || kind.mode == symmetric_mode::hmac;
    const bool generic = kind.type == symmetric_type::generic;
    const size_t size = kind.key_size();
    // [stsafea_symmetric_key_slots.h] Generic secrets have 16 to 32 octets, and serve HKDF and HMAC.
    return lock <= key_lock::erasable && kind.type <= symmetric_type::generic && kind.mode <= symmetric_mode::hmac &&
           (!generic || (keyed && size >= 16 && size <= 32)) && (kind.usage & 0x80U) == 0 && has_valid_parameters(kind);
}

status may_be_written(const core& c, uint8_t slot, key_lock lock, const key_kind& kind, bool way_is_open) {
    if (slot >= c.kept.symmetric_keys.size() || !is_valid(lock, kind)) {
        return status::out_of_range;
    }
    const symmetric_slot& held = c.kept.symmetric_keys.items[slot];
    // [model] A key that is locked, or may only be erased, is not overwritten.
    const bool free = held.present == 0 || held.lock == static_cast<uint8_t>(key_lock::unlocked);
    return way_is_open && free ? status::ok : status::not_authorized;
}

outcome symmetric_table(const chip_state& state) {
    std::vector<symmetric_slot_summary> out;
    for (const symmetric_slot& slot : state.symmetric_keys.items) {
        out.push_back({slot.present != 0, static_cast<key_lock>(slot.lock), slot.kind(), slot.counter});
    }
    return encode(out);
}

outcome query_provisioning_of(const core& c, bytes_view payload) {
    const auto command = wire::decode<query_provisioning>(payload);
    if (c.kept.kind == product::a110) {
        return refuse(status::entry_not_found);
    }
    if (!command) {
        return refuse(status::inconsistent_data);
    }
    if (command->slot >= c.kept.symmetric_keys.size()) {
        return refuse(status::out_of_range);
    }
    const symmetric_slot& slot = c.kept.symmetric_keys.items[command->slot];
    return answer(provisioning_content{slot.provisioning, slot.wrapped_by, slot.agreed_by});
}

outcome put_provisioning(core& c, bytes_view content) {
    if (c.kept.kind == product::a110) {
        return refuse(status::entry_not_found);
    }
    const auto command = wire::decode<put_provisioning_content>(content);
    if (!command) {
        return refuse(status::inconsistent_data);
    }
    if (command->slot >= c.kept.symmetric_keys.size() || (command->wanted.flags & ~unsigned{provisioning::all}) != 0) {
        return refuse(status::out_of_range);
    }
    symmetric_slot& slot = c.kept.symmetric_keys.items[command->slot];
    if ((slot.provisioning & provisioning::change_right) == 0) {
        return refuse(status::not_authorized);
    }
    slot.provisioning = command->wanted.flags;
    slot.wrapped_by = command->wanted.wrapped_by;
    slot.agreed_by = command->wanted.agreed_by;
    return bytes{};
}

std::vector<handler> symmetric_handlers() {
    return {handle(do_write), handle(do_write_wrapped), handle(do_erase)};
}

}  // namespace berth::keystore::stsafe::model
