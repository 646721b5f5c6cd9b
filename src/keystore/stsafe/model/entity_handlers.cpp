// Public keys of others, and entities that prove themselves by them.
#include "keystore/stsafe/commands/entity.h"
#include "keystore/stsafe/commands/public_keys.h"
#include "keystore/stsafe/model/handlers.h"

namespace berth::keystore::stsafe::model {

namespace {

// [model] The right to change covers the key as well as the flags: else whoever is on the bus could put his own key under a use
// that was given for ever.
outcome do_write(core& c, const write_public_key& command) {
    const auto kind = curve_named(command.curve.view());
    if (!kind || command.slot >= c.kept.public_keys.size()) {
        return refuse(status::out_of_range);
    }
    public_key_slot& slot = c.kept.public_keys.items[command.slot];
    if ((slot.flags & public_key_use::change_right) == 0) {
        return refuse(status::not_authorized);
    }
    if (!is_on(*kind, command.key)) {
        return refuse(status::invalid_public_key);
    }
    slot.present = 1;
    slot.curve = static_cast<uint8_t>(*kind);
    slot.point = lengthy(command.key.octets());
    return bytes{};
}

outcome do_decompress(core&, const decompress_public_key& command) {
    const auto kind = curve_named(command.curve.view());
    if (!kind) {
        return refuse(status::out_of_range);
    }
    if (command.x.value.size() != field_size(*kind) || (command.form != 0x02 && command.form != 0x03)) {
        return refuse(status::inconsistent_data);
    }
    auto y = decompress(*kind, command.form == 0x03, command.x.value);
    return y ? answer(decompressed_answer{{std::move(*y)}}) : outcome(refuse(status::invalid_public_key));
}

outcome do_challenge(core& c, const generate_challenge&) {
    c.passing.challenge = c.random.octets<challenge_size>();
    return answer(challenge_answer{*c.passing.challenge});
}

outcome do_verify_entity(core& c, const verify_entity_signature& command) {
    if (!c.passing.challenge) {
        return refuse(status::challenge_missing);
    }
    const auto challenge = *std::exchange(c.passing.challenge, std::nullopt);
    const auto key = usable_public_key(c, command.slot, public_key_use::entity_authentication);
    if (!key) {
        return refuse(key.error());
    }
    const size_t half = field_size(key->kind);
    if (command.made.r.size() != half || command.made.s.size() != half) {
        return refuse(status::inconsistent_data);
    }
    const auto alg = key->kind == curve_kind::p256 ? crypto::hash_algorithm::sha256 : crypto::hash_algorithm::sha384;
    const bool valid = verify(key->kind, key->key, command.made, crypto::hash(alg, challenge).view());
    // [model] Who fails takes back what another has shown.
    c.passing.entity_shown = valid;
    return answer(verdict_answer{valid ? uint8_t{1} : uint8_t{0}});
}

}  // namespace

tl::expected<trusted_key, status> usable_public_key(const core& c, uint8_t number, uint8_t use) {
    if (number >= c.kept.public_keys.size()) {
        return refuse(status::out_of_range);
    }
    const public_key_slot& slot = c.kept.public_keys.items[number];
    if (slot.present == 0) {
        return refuse(status::key_not_found);
    }
    if ((slot.flags & use) == 0) {
        return refuse(status::key_usage);
    }
    return trusted_key{static_cast<curve_kind>(slot.curve), point::from(slot.point.view())};
}

bytes public_key_table(const chip_state& state) {
    bytes out{static_cast<uint8_t>(state.public_keys.size())};
    for (size_t i = 0; i < state.public_keys.size(); ++i) {
        const public_key_slot& slot = state.public_keys.items[i];
        append(out, bytes{static_cast<uint8_t>(i), slot.present, 0, slot.flags});
    }
    return out;
}

outcome query_public_key_slot(const core& c, bytes_view payload) {
    const auto command = wire::decode<query_public_key>(payload);
    if (c.kept.kind == product::a110) {
        return refuse(status::entry_not_found);
    }
    if (!command) {
        return refuse(status::inconsistent_data);
    }
    if (command->slot >= c.kept.public_keys.size()) {
        return refuse(status::out_of_range);
    }
    const public_key_slot& slot = c.kept.public_keys.items[command->slot];
    public_key_slot_content out{.present = slot.present, .filler = 0, .flags = slot.flags, .key = {}};
    if (slot.present != 0) {
        const auto value =
            answer(public_key_value{curve_name(name_of(static_cast<curve_kind>(slot.curve))), point::from(slot.point.view())});
        if (!value) {
            return value;
        }
        out.key.value = *value;
    }
    return answer(out);
}

outcome put_public_key_flags(core& c, bytes_view content) {
    if (c.kept.kind == product::a110) {
        return refuse(status::entry_not_found);
    }
    const auto wanted = wire::decode<public_key_flags_content>(content);
    if (!wanted) {
        return refuse(status::inconsistent_data);
    }
    if (wanted->slot >= c.kept.public_keys.size() || wanted->filler != 0 || (wanted->flags & ~public_key_use::all) != 0) {
        return refuse(status::out_of_range);
    }
    public_key_slot& slot = c.kept.public_keys.items[wanted->slot];
    if ((slot.flags & public_key_use::change_right) == 0) {
        return refuse(status::not_authorized);
    }
    slot.flags = wanted->flags;
    return bytes{};
}

std::vector<handler> entity_handlers() {
    return {handle(do_write), handle(do_decompress), handle(do_challenge), handle(do_verify_entity)};
}

}  // namespace berth::keystore::stsafe::model
