#include "keystore/stsafe/entity.h"

#include "keystore/stsafe/commands/entity.h"
#include "keystore/stsafe/commands/public_keys.h"
#include "keystore/stsafe/zone_io.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::keystore::stsafe {

namespace {

using crypto::signature_algorithm;

bool may_be_held(signature_algorithm alg) {
    return alg == signature_algorithm::ecdsa_p256_sha256 || alg == signature_algorithm::ecdsa_p384_sha384;
}

tl::unexpected<error> slot_error(const char* name, uint8_t slot, const std::string& message) {
    return fail(error{error_category::usage, name, message}.with("slot", std::to_string(slot)));
}

error on_a110(error e) {
    if (e.is("stsafe_entry_not_found")) {
        e = to_error(status::unsupported, "the query for its public key slots");
    }
    return e;
}

result<public_key_summary> read_slot(device& chip, uint8_t slot) {
    BERTH_TRY(answer, chip.run(query_public_key{attribute::public_key_slot, slot}, strongest(chip)));
    BERTH_TRY(content, wire::decode<public_key_slot_content>(answer.content.value));
    public_key_summary out{.slot = slot, .flags = content.flags, .key = std::nullopt};
    if (content.present != 0) {
        BERTH_TRY(value, wire::decode<public_key_value>(content.key.value));
        const bool p256 = same_octets(value.curve.view(), oid_p256);
        if (p256 || same_octets(value.curve.view(), oid_p384)) {
            BERTH_TRY(key, crypto::verification_key::from_raw(p256 ? signature_algorithm::ecdsa_p256_sha256
                                                                   : signature_algorithm::ecdsa_p384_sha384,
                                                              value.key.octets()));
            out.key = std::move(key);
        }
    }
    return out;
}

}  // namespace

result<std::vector<public_key_summary>> list_public_keys(device& chip) {
    auto asked = chip.run(query{attribute::public_keys}, strongest(chip));
    if (!asked) {
        return fail(on_a110(std::move(asked).error()));
    }
    BERTH_TRY(table, wire::decode<public_keys_content>(asked->content.value));
    std::vector<public_key_summary> out;
    for (unsigned slot = 0; slot < table.count; ++slot) {
        BERTH_TRY(one, read_slot(chip, static_cast<uint8_t>(slot)));
        out.push_back(std::move(one));
    }
    return out;
}

result<void> trust_entity(device& chip, uint8_t slot, const crypto::verification_key& key, const trust_options& how) {
    if (!may_be_held(key.algorithm())) {
        return fail(error_category::usage, "wrong_key_kind",
                    fmt::format("An STSAFE-A120 knows entities by ECDSA keys on P-256 and P-384, and not by {}.",
                                name_of(key.algorithm())));
    }
    BERTH_TRY(slots, list_public_keys(chip));
    if (slot >= slots.size()) {
        return slot_error("no_such_slot", slot, fmt::format("This STSAFE-A has public key slots 0 to {}.", slots.size() - 1));
    }
    const public_key_summary& at = slots[slot];
    const bool there = at.key && same_octets(at.key->raw(), key.raw());
    if (at.key && !there && !how.replace) {
        return slot_error(
            "slot_in_use", slot,
            fmt::format("Public key slot {} holds another key, and stays as it is; replacing it has to be said.", slot));
    }
    const bool may_change = (at.flags & public_key_use::change_right) != 0;
    const auto flags =
        static_cast<uint8_t>(public_key_use::entity_authentication | (how.for_ever ? 0 : public_key_use::change_right));
    if (!may_change) {
        if (there && (at.flags & public_key_use::entity_authentication) != 0) {
            return {};
        }
        return slot_error(
            "slot_fixed", slot,
            fmt::format("Public key slot {} may not change any more, neither its key nor its use; name another.", slot));
    }
    if (!there) {
        const bool p256 = key.algorithm() == signature_algorithm::ecdsa_p256_sha256;
        write_public_key command;
        command.slot = slot;
        command.curve = p256 ? curve_name(bytes_view(oid_p256)) : curve_name(bytes_view(oid_p384));
        command.key = point::from(key.raw());
        BERTH_CHECK(chip.run(command, strongest(chip)));
    }
    BERTH_TRY(content, wire::encode(public_key_flags_content{slot, 0, flags}));
    BERTH_CHECK(chip.run(put_attribute{attribute::public_key_flags, {secret_bytes(content)}}, strongest(chip)));
    return {};
}

result<void> prove_entity(device& chip, const signing_key& key) {
    BERTH_TRY(slots, list_public_keys(chip));
    const auto found = std::ranges::find_if(slots, [&](const public_key_summary& s) {
        return s.key && (s.flags & public_key_use::entity_authentication) != 0 &&
               same_octets(s.key->raw(), key.public_key().raw());
    });
    if (!may_be_held(key.algorithm()) || found == slots.end()) {
        return fail(error_category::usage, "entity_unknown",
                    "This STSAFE-A knows no entity with that key: `berth se entity trust` makes it known.");
    }
    BERTH_TRY(asked, chip.run(generate_challenge{}, strongest(chip)));
    BERTH_TRY(der, key.sign(asked.challenge));
    BERTH_TRY(raw, crypto::ecdsa_der_to_raw(key.algorithm(), der));
    const size_t half = raw.size() / 2;
    const verify_entity_signature shown{
        0, found->slot, {lengthy(bytes_view(raw).first(half)), lengthy(bytes_view(raw).subspan(half))}};
    BERTH_TRY(verdict, chip.run(shown, strongest(chip)));
    if (verdict.valid != 1) {
        return fail(
            error_category::peer, "entity_refused",
            "The STSAFE-A does not accept the entity's signature over its challenge: somebody else answers on this bus, or "
            "the key's holder signs with another key.");
    }
    return {};
}

}  // namespace berth::keystore::stsafe
