// Private keys and local envelopes.
#include "keystore/stsafe/aes.h"
#include "keystore/stsafe/commands/envelopes.h"
#include "keystore/stsafe/model/handlers.h"

namespace berth::keystore::stsafe::model {

namespace {

constexpr uint16_t without_limit = 0xffff;
constexpr uint8_t identity_slot = 0;

bool in_factory(const core& c) {
    return c.kept.life == life_cycle::born;
}

private_key held(const key_slot& slot) {
    return {static_cast<curve_kind>(slot.curve), secret_bytes(slot.scalar.value.reveal())};
}

// Takes one use of the slot's key. A status: why not.
tl::expected<private_key, status> use_slot(core& c, uint8_t number) {
    if (number >= c.kept.keys.size()) {
        return refuse(status::out_of_range);
    }
    key_slot& slot = c.kept.keys.items[number];
    if (slot.present == 0) {
        return refuse(status::key_not_found);
    }
    if (slot.uses_left == 0) {
        return refuse(status::key_blocked);
    }
    if (slot.uses_left != without_limit) {
        --slot.uses_left;
    }
    return held(slot);
}

outcome do_generate(core& c, const generate_key& command) {
    const auto kind = curve_named(command.curve.view());
    if (!kind || (command.slot >= c.kept.keys.size() && command.slot != ephemeral_slot)) {
        return refuse(status::out_of_range);
    }
    // The key of the certificate in zone 0 is made once, before the chip goes to work.
    if (command.slot == identity_slot && !in_factory(c)) {
        return refuse(status::life_cycle);
    }
    private_key key = generate(*kind, c.random);
    const point made = public_point(key);
    if (command.slot == ephemeral_slot) {
        c.passing.ephemeral = std::move(key);
        return answer(key_answer{made});
    }
    key_slot& slot = c.kept.keys.items[command.slot];
    slot.present = 1;
    slot.curve = static_cast<uint8_t>(*kind);
    slot.uses_left = command.usage_limit;
    slot.scalar.value = std::move(key.scalar);
    return answer(key_answer{made});
}

outcome do_generate_envelope_key(core& c, const generate_envelope_key& command) {
    if (command.slot >= c.kept.envelopes.size() || command.size > envelope_key_size::aes256) {
        return refuse(status::out_of_range);
    }
    envelope_slot& slot = c.kept.envelopes.items[command.slot];
    // A new one would make waste of every envelope that is out.
    if (slot.present != 0 && !in_factory(c)) {
        return refuse(status::life_cycle);
    }
    slot.present = 1;
    slot.size = static_cast<uint8_t>(command.size);
    slot.key.value = secret_bytes(size_t{command.size == envelope_key_size::aes256 ? 32U : 16U});
    c.random.fill(slot.key.value.writable());
    return bytes{};
}

// GenerateKey makes two kinds of key; the first octet says which.
outcome do_generate_any(core& c, bytes_view payload) {
    const uint8_t tag = payload.empty() ? uint8_t{0} : payload[0];
    if (tag == generate_key{}.tag) {
        return handle(do_generate).act(c, payload);
    }
    if (tag == generate_envelope_key{}.tag) {
        return handle(do_generate_envelope_key).act(c, payload);
    }
    return refuse(status::out_of_range);
}

outcome do_sign(core& c, const generate_signature& command) {
    if (command.digest.empty() || command.digest.size() > 64) {
        return refuse(status::out_of_range);
    }
    const auto key = use_slot(c, command.slot);
    return key ? answer(signature_answer{sign(*key, command.digest.view())}) : outcome(refuse(key.error()));
}

outcome do_verify(core&, const verify_signature& command) {
    const auto kind = curve_named(command.curve.view());
    if (command.subject != 0 || !kind) {
        return refuse(status::out_of_range);
    }
    if (!is_on(*kind, command.public_key)) {
        return refuse(status::invalid_public_key);
    }
    const size_t half = field_size(*kind);
    if (command.made.r.size() != half || command.made.s.size() != half || command.digest.empty()) {
        return refuse(status::inconsistent_data);
    }
    const bool valid = verify(*kind, command.public_key, command.made, command.digest.view());
    return answer(verdict_answer{valid ? uint8_t{1} : uint8_t{0}});
}

outcome do_establish(core& c, const establish_key& command) {
    // The identity key signs and does nothing else.
    if (command.slot == identity_slot) {
        return refuse(status::key_usage);
    }
    const bool ephemeral = command.slot == ephemeral_slot;
    if (ephemeral && !c.passing.ephemeral) {
        return refuse(status::key_not_found);
    }
    const auto key = ephemeral ? tl::expected<private_key, status>(*c.passing.ephemeral) : use_slot(c, command.slot);
    if (!key) {
        return refuse(key.error());
    }
    auto secret = agree(*key, command.peer);
    if (!secret) {
        return refuse(status::invalid_public_key);
    }
    if (ephemeral) {
        c.passing.ephemeral.reset();
    }
    return answer(secret_answer{{std::move(*secret)}});
}

const envelope_slot* envelope_key(const core& c, uint8_t number) {
    const bool there = number < c.kept.envelopes.size() && c.kept.envelopes.items[number].present != 0;
    return there ? &c.kept.envelopes.items[number] : nullptr;
}

outcome do_wrap(core& c, const wrap_envelope& command) {
    const envelope_slot* slot = envelope_key(c, command.slot);
    if (slot == nullptr) {
        return refuse(status::key_not_found);
    }
    if (command.data.value.size() > most_enveloped) {
        return refuse(status::length);
    }
    auto envelope = aes::wrap(slot->key.value.reveal(), command.data.value.reveal());
    return envelope ? outcome(std::move(*envelope)) : outcome(refuse(status::inconsistent_data));
}

outcome do_unwrap(core& c, const unwrap_envelope& command) {
    const envelope_slot* slot = envelope_key(c, command.slot);
    if (slot == nullptr) {
        return refuse(status::key_not_found);
    }
    if (command.envelope.value.size() > most_enveloped + envelope_overhead) {
        return refuse(status::length);
    }
    const auto data = aes::unwrap(slot->key.value.reveal(), command.envelope.value);
    return data ? outcome(to_bytes(data->reveal())) : outcome(refuse(status::decryption));
}

}  // namespace

std::vector<handler> key_handlers() {
    return {{generate_key::about, do_generate_any},
            handle(do_sign),
            handle(do_verify),
            handle(do_establish),
            handle(do_wrap),
            handle(do_unwrap)};
}

}  // namespace berth::keystore::stsafe::model
