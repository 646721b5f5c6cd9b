// Public keys of others in the chip, and entities that prove themselves by them.
#include "keystore/software.h"
#include "keystore/stsafe/commands/basic.h"
#include "keystore/stsafe/commands/entity.h"
#include "keystore/stsafe/commands/public_keys.h"
#include "keystore/stsafe/credentials.h"
#include "keystore/stsafe/entity.h"
#include "support/stsafe_chip.h"

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::model_chip;
using test::name_of_error;
using test::name_of_run;
using test::value_of;

constexpr auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;
constexpr auto p384 = crypto::signature_algorithm::ecdsa_p384_sha384;

signing_key_ptr new_key(crypto::signature_algorithm alg) {
    return software_signing_key(crypto::signing_key::generate(alg, crypto::system_random()));
}

class StsafeEntity : public testing::Test {
protected:
    void open_session() {
        ASSERT_TRUE(device.run(put_attribute{attribute::host_key, {secret_bytes(test::host_key_octets)}}));
        ASSERT_TRUE(device.open_host_session(test::test_host_keys()));
    }
    verify_entity_signature shown(const signing_key& key, bytes_view challenge, uint8_t slot = 0) {
        const bytes raw = value_of(crypto::ecdsa_der_to_raw(key.algorithm(), value_of(key.sign(challenge))));
        const size_t half = raw.size() / 2;
        return {0, slot, {lengthy(bytes_view(raw).first(half)), lengthy(bytes_view(raw).subspan(half))}};
    }
    bytes challenge() { return to_bytes(value_of(device.run(generate_challenge{})).challenge); }
    template <class F>
    void refused(const F& what, std::string_view name) {
        const bytes before = chip.memory();
        EXPECT_EQ(name_of_error(what()), name);
        EXPECT_EQ(chip.memory(), before) << name << ": the chip's memory changed";
    }
    put_attribute flags(uint8_t slot, uint8_t value) {
        return {attribute::public_key_flags, {secret_bytes(bytes{slot, 0, value})}};
    }

    model_chip chip;
    stsafe::device device = chip.connect();
    signing_key_ptr operator_key = new_key(p256);
    signing_key_ptr stranger = new_key(p256);
};

TEST_F(StsafeEntity, KeysAndUsesAreWrittenAndTold) {
    const auto large = new_key(p384);
    ASSERT_TRUE(trust_entity(device, 0, operator_key->public_key()));
    ASSERT_TRUE(trust_entity(device, 3, large->public_key(), {.for_ever = true}));
    const auto slots = value_of(list_public_keys(device));
    ASSERT_EQ(slots.size(), 4U);
    EXPECT_EQ(to_hex(slots[0].key->raw()), to_hex(operator_key->public_key().raw()));
    EXPECT_EQ(slots[0].flags, public_key_use::entity_authentication | public_key_use::change_right);
    EXPECT_FALSE(slots[1].key);
    EXPECT_EQ(slots[1].flags, public_key_use::change_right);
    EXPECT_EQ(to_hex(slots[3].key->raw()), to_hex(large->public_key().raw()));
    EXPECT_EQ(slots[3].flags, public_key_use::entity_authentication);
    EXPECT_TRUE(prove_entity(device, *operator_key));
    EXPECT_TRUE(prove_entity(device, *large));
}

TEST_F(StsafeEntity, WhatIsForEverStays) {
    ASSERT_TRUE(trust_entity(device, 0, operator_key->public_key(), {.for_ever = true}));
    refused([&] { return trust_entity(device, 0, stranger->public_key()); }, "slot_in_use");
    refused([&] { return trust_entity(device, 0, stranger->public_key(), {.replace = true}); }, "slot_fixed");
    refused([&] { return trust_entity(device, 4, stranger->public_key()); }, "no_such_slot");
    EXPECT_TRUE(trust_entity(device, 0, operator_key->public_key(), {.for_ever = true})) << "it is so already";
    write_public_key over{0, curve_name(bytes_view(oid_p256)), point::from(stranger->public_key().raw())};
    refused([&] { return device.run(over); }, "stsafe_not_authorized");
    refused([&] { return device.run(flags(0, public_key_use::all)); }, "stsafe_not_authorized");
    ASSERT_TRUE(trust_entity(device, 1, stranger->public_key()));
    refused([&] { return trust_entity(device, 1, operator_key->public_key()); }, "slot_in_use");
    ASSERT_TRUE(trust_entity(device, 1, operator_key->public_key(), {.replace = true}));
    EXPECT_EQ(name_of_error(prove_entity(device, *stranger)), "entity_unknown");
}

TEST_F(StsafeEntity, WrongKeysAndFlagsAreRefused) {
    write_public_key wrong{9, curve_name(bytes_view(oid_p256)), point::from(stranger->public_key().raw())};
    refused([&] { return device.run(wrong); }, "stsafe_out_of_range");
    wrong.slot = 0;
    wrong.key.y.value.back() ^= 1;
    refused([&] { return device.run(wrong); }, "stsafe_invalid_public_key");
    refused([&] { return device.run(flags(0, 0x20)); }, "stsafe_out_of_range");
    refused([&] { return device.run(flags(9, 0x01)); }, "stsafe_out_of_range");
    refused([&] { return device.run(put_attribute{attribute::public_key_flags, {secret_bytes(bytes{0})}}); },
            "stsafe_inconsistent_data");
    refused([&] { return device.run(query_public_key{attribute::public_key_slot, 9}); }, "stsafe_out_of_range");
}

TEST_F(StsafeEntity, ASignatureIsOverAFreshChallengeByTheSlotsKey) {
    ASSERT_TRUE(trust_entity(device, 0, operator_key->public_key()));
    const auto early = shown(*operator_key, bytes(challenge_size));
    EXPECT_EQ(name_of_run(device, early), "stsafe_challenge_missing");
    // Somebody else's, then the right one over what was asked before: a challenge serves once.
    const bytes first = challenge();
    EXPECT_EQ(value_of(device.run(shown(*stranger, first))).valid, 0);
    EXPECT_EQ(name_of_run(device, shown(*operator_key, first)), "stsafe_challenge_missing");
    const bytes second = challenge();
    EXPECT_NE(to_hex(first), to_hex(second));
    const auto replayed = shown(*operator_key, first);
    EXPECT_EQ(value_of(device.run(replayed)).valid, 0);
    const auto right = shown(*operator_key, challenge());
    EXPECT_EQ(value_of(device.run(right)).valid, 1);
    EXPECT_EQ(name_of_run(device, right), "stsafe_challenge_missing") << "replayed";
    // A slot of another use, an empty one, none.
    ASSERT_TRUE(device.run(flags(0, public_key_use::change_right | public_key_use::start_kek_session)));
    EXPECT_EQ(name_of_run(device, shown(*operator_key, challenge())), "stsafe_key_usage");
    EXPECT_EQ(name_of_run(device, shown(*operator_key, challenge(), 1)), "stsafe_key_not_found");
    EXPECT_EQ(name_of_run(device, shown(*operator_key, challenge(), 7)), "stsafe_out_of_range");
    EXPECT_EQ(name_of_error(prove_entity(device, *operator_key)), "entity_unknown") << "it is there, for another use";
    verify_entity_signature short_one = shown(*operator_key, challenge());
    ASSERT_TRUE(device.run(flags(0, public_key_use::entity_authentication)));
    short_one.made.s.value.pop_back();
    EXPECT_EQ(name_of_run(device, short_one), "stsafe_inconsistent_data");
}

TEST_F(StsafeEntity, AZoneForAnEntityOpensForHostAndEntityTogether) {
    ASSERT_TRUE(trust_entity(device, 0, operator_key->public_key()));
    const secret_bytes secret(as_bytes("for two"));
    const credential_options for_entity{.zone = 1, .reading = zone_condition::entity, .writing = zone_condition::entity};
    refused([&] { return put_credential(device, "safe", secret, for_entity); }, "stsafe_session");
    open_session();
    credential_options how = for_entity;
    EXPECT_EQ(name_of_error(put_credential(device, "safe", secret, how)), "stsafe_no_entity");
    how.entity_proved = true;
    ASSERT_TRUE(prove_entity(device, *operator_key));
    ASSERT_TRUE(put_credential(device, "safe", secret, how));
    EXPECT_EQ(value_of(list_zones(device)).at(1).reading, zone_condition::entity);
    EXPECT_EQ(to_hex(value_of(get_credential(device, "safe")).reveal()), to_hex(secret.reveal()));

    // The entity alone is not enough: no C-MAC.
    stsafe::device in_clear = chip.connect();
    EXPECT_EQ(name_of_run(in_clear, read_zone{0, 1, 0, 4}), "stsafe_access_condition");
    // Nor is the host alone, after Reset, or after the power was away.
    ASSERT_TRUE(device.run(reset{}));
    EXPECT_EQ(name_of_error(get_credential(device, "safe")), "credential_not_found");
    EXPECT_EQ(value_of(list_zones(device)).at(1).content, zone_content::closed);
    ASSERT_TRUE(prove_entity(device, *operator_key));
    EXPECT_TRUE(get_credential(device, "safe"));
    chip.chip().power_cycle();
    EXPECT_EQ(name_of_error(get_credential(device, "safe")), "credential_not_found");
    // And who fails afterwards takes it back.
    ASSERT_TRUE(prove_entity(device, *operator_key));
    EXPECT_EQ(value_of(device.run(shown(*stranger, challenge()))).valid, 0);
    EXPECT_EQ(name_of_error(get_credential(device, "safe")), "credential_not_found");
}

TEST_F(StsafeEntity, PointsAreDecompressed) {
    for (const auto alg : {p256, p384}) {
        for (int i = 0; i < 4; ++i) {
            const auto key = new_key(alg);
            const bytes raw = to_bytes(key->public_key().raw());
            const size_t half = raw.size() / 2;
            decompress_public_key command;
            command.curve = curve_name(alg == p256 ? bytes_view(oid_p256) : bytes_view(oid_p384));
            command.form = static_cast<uint8_t>(0x02 + (raw.back() & 1));
            command.x.value = to_bytes(bytes_view(raw).subspan(1, half));
            EXPECT_EQ(to_hex(value_of(device.run(command)).y.value), to_hex(bytes_view(raw).last(half)));
        }
    }
    decompress_public_key none{curve_name(bytes_view(oid_p256)), 0x02, {bytes(32, 0xff)}};
    EXPECT_EQ(name_of_run(device, none), "stsafe_invalid_public_key");
    none.form = 0x04;
    EXPECT_EQ(name_of_run(device, none), "stsafe_inconsistent_data");
}

TEST(StsafeA110, SaysWhatItLacks) {
    model_chip chip("a110", {.kind = model::product::a110});
    stsafe::device device = chip.connect();
    const bytes before = chip.memory();
    const auto key = new_key(p256);
    EXPECT_EQ(name_of_run(device, generate_challenge{}), "stsafe_unsupported");
    EXPECT_EQ(name_of_run(device, write_public_key{0, curve_name(bytes_view(oid_p256)), point::from(key->public_key().raw())}),
              "stsafe_unsupported");
    EXPECT_EQ(name_of_error(trust_entity(device, 0, key->public_key())), "stsafe_unsupported");
    EXPECT_EQ(name_of_error(prove_entity(device, *key)), "stsafe_unsupported");
    EXPECT_EQ(name_of_run(device, query{attribute::host_key_v2}), "stsafe_entry_not_found");
    EXPECT_EQ(name_of_error(device.open_host_session(test::test_host_keys())), "stsafe_no_host_key");
    EXPECT_EQ(chip.memory(), before);
}

}  // namespace

}  // namespace berth::keystore::stsafe
