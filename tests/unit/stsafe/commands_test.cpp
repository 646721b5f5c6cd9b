// Each command, driver and model together; and what the chip refuses, with its memory as it was.
#include "keystore/stsafe/commands/basic.h"
#include "keystore/stsafe/commands/envelopes.h"
#include "keystore/stsafe/commands/hashing.h"
#include "keystore/stsafe/commands/keys.h"
#include "keystore/stsafe/commands/password.h"
#include "keystore/stsafe/commands/zones.h"
#include "support/stsafe_chip.h"

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::model_chip;
using test::name_of_error;
using test::name_of_run;
using test::value_of;

constexpr uint8_t counter_zone = 5;

rest text(std::string_view octets) {
    return {to_bytes(as_bytes(octets))};
}

put_attribute put(attribute tag, bytes_view content) {
    return {tag, {secret_bytes(content)}};
}

bytes password_attribute(std::string_view password, uint8_t tries) {
    bytes out(as_bytes(password).begin(), as_bytes(password).end());
    out.resize(password_size, '.');
    out.push_back(tries);
    return out;
}

verify_password password(std::string_view word) {
    const bytes octets = password_attribute(word, 0);
    return {{secret_bytes(bytes_view(octets).first(password_size))}};
}

generate_key p256_in(uint8_t slot) {
    generate_key out;
    out.slot = slot;
    out.curve = curve_name(bytes_view(oid_p256));
    return out;
}

class Stsafe : public testing::Test {
protected:
    // The error, and that the chip forgot and learnt nothing.
    template <command C>
    void refused(const C& c, std::string_view name) {
        const bytes before = chip.memory();
        EXPECT_EQ(name_of_run(device, c), name);
        EXPECT_EQ(chip.memory(), before) << name << ": the chip's memory changed";
    }
    void set_host_key() { ASSERT_TRUE(device.run(put(attribute::host_key, test::host_key_octets))); }
    uint32_t counter() {
        const auto zones = value_of(parse_partitions(value_of(device.run(query{attribute::partitions})).content.value));
        return zones.at(counter_zone).counter.value_or(0);
    }

    model_chip chip;
    stsafe::device device = chip.connect();
};

TEST_F(Stsafe, EchoRandomAndTables) {
    EXPECT_EQ(value_of(device.run(echo{text("hello")})).message.value, text("hello").value);
    const auto one = value_of(device.run(generate_random{0, 32}));
    const auto two = value_of(device.run(generate_random{0, 32}));
    EXPECT_EQ(one.octets.value.size(), 32U);
    EXPECT_NE(to_hex(one.octets.value.reveal()), to_hex(two.octets.value.reveal()));
    EXPECT_TRUE(device.run(reset{}));
    EXPECT_EQ(value_of(device.ask<life_cycle_content>(attribute::life_cycle)).state, life_cycle::born);
    EXPECT_EQ(value_of(device.ask<host_key_content>(attribute::host_key)).present, 0);
    const auto zones = value_of(parse_partitions(value_of(device.run(query{attribute::partitions})).content.value));
    ASSERT_EQ(zones.size(), 8U);
    EXPECT_EQ(zones[0].length, 1000);
    EXPECT_EQ(counter(), 500'000U);
    const auto table = parse_command_table(value_of(device.run(query{attribute::command_authorization})).content.value);
    EXPECT_GT(value_of(table).records.size(), 15U);
    // So that nobody takes it for silicon.
    EXPECT_EQ(to_hex(value_of(device.run(query{attribute::product_data})).content.value), "010353494d");
    refused(generate_random{0, 0}, "stsafe_out_of_range");
    refused(generate_random{1, 8}, "stsafe_out_of_range");
    refused(query{static_cast<attribute>(0x99)}, "stsafe_entry_not_found");
    refused(start_session{}, "stsafe_session");
}

TEST_F(Stsafe, HibernatesUntilTheBusWakesIt) {
    ASSERT_TRUE(device.run(hibernate{wake_up::bus_or_reset}));
    EXPECT_TRUE(device.run(echo{text("awake")}));
    ASSERT_TRUE(device.run(hibernate{wake_up::reset_only}));
    EXPECT_EQ(name_of_run(device, echo{text("asleep")}), "stsafe_busy");
    chip.chip().power_cycle();
    EXPECT_TRUE(device.run(echo{text("awake")}));
}

TEST_F(Stsafe, ZonesKeepWhatIsWritten) {
    ASSERT_TRUE(device.run(update_zone{0, 1, 10, text("written")}));
    EXPECT_EQ(value_of(device.run(read_zone{0, 1, 10, 7})).data.value, text("written").value);
    refused(update_zone{0, 1, 699, text("ab")}, "stsafe_boundary");
    refused(read_zone{0, 1, 700, 1}, "stsafe_boundary");
    refused(read_zone{0, 8, 0, 1}, "stsafe_entry_not_found");
    refused(update_zone{0, counter_zone, 0, text("x")}, "stsafe_zone_type");
    refused(read_zone{0, 4, 0, 507}, "stsafe_length");
}

TEST_F(Stsafe, ZonesAreClosedForEver) {
    ASSERT_TRUE(device.run(update_zone{zone_option(access_change{zone_access::never, false}), 0, 0, text("certificate")}));
    refused(update_zone{0, 0, 0, text("forged")}, "stsafe_access_condition");
    refused(update_zone{zone_option(access_change{zone_access::always, true}), 0, 0, text("x")}, "stsafe_access_condition");
    EXPECT_EQ(value_of(device.run(read_zone{0, 0, 0, 11})).data.value, text("certificate").value);
    // Readable for nobody any more.
    ASSERT_TRUE(device.run(read_zone{zone_option(access_change{zone_access::never, false}), 0, 0, 0}));
    refused(read_zone{0, 0, 0, 1}, "stsafe_access_condition");
}

TEST_F(Stsafe, CountersFallAndDoNotRise) {
    EXPECT_EQ(value_of(device.run(decrement{0, counter_zone, 0, 1, text("cartridge")})).counter, 499'999U);
    const auto seen = value_of(device.run(read_zone{0, counter_zone, 0, 9})).data.value;
    EXPECT_EQ(to_hex(bytes_view(seen).first(4)), "0007a11f");
    EXPECT_EQ(as_text(bytes_view(seen).subspan(4)), "cartridge");
    refused(decrement{0, counter_zone, 0, 0, {}}, "stsafe_out_of_range");
    refused(decrement{0, counter_zone, 0, 500'000, {}}, "stsafe_counter_limit");
    refused(decrement{0, counter_zone, 60, 1, text("too long")}, "stsafe_boundary");
    refused(decrement{0, 1, 0, 1, {}}, "stsafe_zone_type");
    EXPECT_EQ(value_of(device.run(decrement{0, counter_zone, 0, 499'999, {}})).counter, 0U);
    refused(decrement{0, counter_zone, 0, 1, {}}, "stsafe_counter_limit");
}

TEST_F(Stsafe, KeysSignAndAgree) {
    const point identity = value_of(device.run(p256_in(0))).public_key;
    const bytes digest(32, 0x5a);
    const auto made = value_of(device.run(generate_signature{0, digest})).made;
    verify_signature question{0, curve_name(bytes_view(oid_p256)), identity, made, digest};
    EXPECT_EQ(value_of(device.run(question)).valid, 1);
    question.digest.value[0] ^= 1;
    EXPECT_EQ(value_of(device.run(question)).valid, 0);
    question.public_key.x.value[5] ^= 1;
    refused(question, "stsafe_invalid_public_key");
    refused(generate_signature{1, digest}, "stsafe_key_not_found");
    refused(generate_signature{9, digest}, "stsafe_out_of_range");
    refused(generate_signature{0, {}}, "stsafe_out_of_range");

    const point one = value_of(device.run(p256_in(1))).public_key;
    const point two = value_of(device.run(p256_in(2))).public_key;
    const auto here = value_of(device.run(establish_key{1, two}));
    const auto there = value_of(device.run(establish_key{2, one}));
    EXPECT_EQ(to_hex(here.secret.value.reveal()), to_hex(there.secret.value.reveal()));
    refused(establish_key{0, one}, "stsafe_key_usage");
    point off = one;
    off.y.value[0] ^= 1;
    refused(establish_key{1, off}, "stsafe_invalid_public_key");
    // The ephemeral key serves once.
    const point fleeting = value_of(device.run(p256_in(ephemeral_slot))).public_key;
    const auto mine = value_of(device.run(establish_key{1, fleeting}));
    EXPECT_EQ(to_hex(value_of(device.run(establish_key{ephemeral_slot, one})).secret.value.reveal()),
              to_hex(mine.secret.value.reveal()));
    refused(establish_key{ephemeral_slot, one}, "stsafe_key_not_found");
}

TEST_F(Stsafe, KeysWithAUsageLimitBlock) {
    generate_key twice = p256_in(3);
    twice.usage_limit = 2;
    ASSERT_TRUE(device.run(twice));
    const generate_signature sign{3, bytes(32, 1)};
    EXPECT_TRUE(device.run(sign));
    EXPECT_TRUE(device.run(sign));
    refused(sign, "stsafe_key_blocked");
}

TEST_F(Stsafe, EnvelopesAreOfOneChip) {
    refused(wrap_envelope{0, {secret_bytes(bytes(64, 7))}}, "stsafe_key_not_found");
    ASSERT_TRUE(device.run(generate_envelope_key{.slot = 0, .size = envelope_key_size::aes256}));
    ASSERT_TRUE(device.run(generate_envelope_key{.slot = 1}));
    const auto envelope = value_of(device.run(wrap_envelope{0, {secret_bytes(bytes(64, 7))}})).envelope;
    EXPECT_EQ(envelope.value.size(), 72U);
    EXPECT_EQ(to_bytes(value_of(device.run(unwrap_envelope{0, envelope})).data.value.reveal()), bytes(64, 7));
    refused(unwrap_envelope{1, envelope}, "stsafe_decryption");
    rest changed = envelope;
    changed.value.back() ^= 1;
    refused(unwrap_envelope{0, changed}, "stsafe_decryption");
    refused(wrap_envelope{0, {secret_bytes(bytes(15))}}, "stsafe_inconsistent_data");
    refused(wrap_envelope{0, {secret_bytes(bytes(488))}}, "stsafe_length");

    model_chip other("another chip");
    auto its_device = other.connect();
    ASSERT_TRUE(its_device.run(generate_envelope_key{.slot = 0, .size = envelope_key_size::aes256}));
    EXPECT_EQ(name_of_run(its_device, unwrap_envelope{0, envelope}), "stsafe_decryption");
}

TEST_F(Stsafe, PasswordsBlock) {
    ASSERT_TRUE(device.run(put(attribute::password, password_attribute("right", 3))));
    refused(delete_attribute{}, "stsafe_not_authorized");
    auto verdict = value_of(device.run(password("wrong")));
    EXPECT_EQ(verdict.right, 0);
    EXPECT_EQ(verdict.tries_left, 2);
    EXPECT_EQ(value_of(device.run(password("right"))).tries_left, 3) << "the right one gives the tries back";
    EXPECT_TRUE(device.run(delete_attribute{}));
    refused(password("right"), "stsafe_entry_not_found");

    ASSERT_TRUE(device.run(reset{}));
    ASSERT_TRUE(device.run(put(attribute::password, password_attribute("right", 2))));
    EXPECT_EQ(value_of(device.run(password("wrong"))).tries_left, 1);
    EXPECT_EQ(value_of(device.run(password("wrong"))).tries_left, 0);
    refused(password("right"), "stsafe_password_blocked");
    chip.chip().power_cycle();
    refused(password("right"), "stsafe_password_blocked");
}

TEST_F(Stsafe, LifeGoesOneWay) {
    ASSERT_TRUE(device.run(p256_in(0)));
    const auto move_to = [](life_cycle state) {
        const auto octet = static_cast<uint8_t>(state);
        return put(attribute::life_cycle, bytes_view(&octet, 1));
    };
    refused(move_to(static_cast<life_cycle>(0x77)), "stsafe_out_of_range");
    ASSERT_TRUE(device.run(move_to(life_cycle::operational)));
    refused(move_to(life_cycle::born), "stsafe_life_cycle");
    refused(p256_in(0), "stsafe_life_cycle");
    refused(put(attribute::host_key, test::host_key_octets), "stsafe_life_cycle");
    EXPECT_TRUE(device.run(generate_signature{0, bytes(32, 1)}));
    ASSERT_TRUE(device.run(move_to(life_cycle::operational_and_locked)));
    refused(generate_signature{0, bytes(32, 1)}, "stsafe_life_cycle");
    ASSERT_TRUE(device.run(move_to(life_cycle::operational)));
    ASSERT_TRUE(device.run(move_to(life_cycle::terminated)));
    refused(generate_signature{0, bytes(32, 1)}, "stsafe_life_cycle");
    refused(move_to(life_cycle::operational), "stsafe_life_cycle");
    EXPECT_EQ(value_of(device.ask<life_cycle_content>(attribute::life_cycle)).state, life_cycle::terminated);
}

TEST_F(Stsafe, HashesInParts) {
    ASSERT_TRUE(device.run(start_hash{hash_name(bytes_view(oid_sha256)), text("a")}));
    ASSERT_TRUE(device.run(process_hash{text("b")}));
    EXPECT_EQ(to_hex(value_of(device.run(finish_hash{text("c")})).digest.view()),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-2, "abc"
    refused(finish_hash{text("c")}, "stsafe_session");
    refused(start_hash{hash_name(bytes{1, 2}), text("a")}, "stsafe_out_of_range");
}

TEST_F(Stsafe, TheHostChannel) {
    EXPECT_EQ(name_of_error(device.open_host_session(test::test_host_keys())), "stsafe_no_host_key");
    set_host_key();
    refused(put(attribute::host_key, test::host_key_octets), "stsafe_not_authorized");
    ASSERT_TRUE(device.run(read_zone{zone_option(access_change{zone_access::host, false}), 2, 0, 0}));
    refused(read_zone{0, 2, 0, 4}, "stsafe_access_condition");
    ASSERT_TRUE(device.open_host_session(test::test_host_keys()));
    refused(read_zone{0, 2, 0, 4}, "stsafe_access_condition");  // a session alone authenticates nothing
    const uint32_t before = chip.chip().state().host_counter;
    EXPECT_EQ(value_of(device.run(read_zone{0, 2, 0, 4}, protection::authenticated)).data.value.size(), 4U);
    EXPECT_EQ(chip.chip().state().host_counter, before + 1);
    EXPECT_EQ(value_of(device.run(start_session{})).counter.value, before + 1);
    // A refusal counts too, and carries no R-MAC: the host has the chip prove where it is before the next command.
    EXPECT_EQ(name_of_error(device.run(read_zone{0, 99, 0, 4}, protection::authenticated)), "stsafe_entry_not_found");
    EXPECT_TRUE(device.run(read_zone{0, 2, 0, 4}, protection::authenticated));
    EXPECT_EQ(chip.chip().state().host_counter, before + 4);
}

TEST_F(Stsafe, WrongHostKeysOpenNothing) {
    set_host_key();
    bytes octets = test::host_key_octets;
    octets[0] ^= 1;
    const bytes before = chip.memory();
    EXPECT_EQ(name_of_error(device.open_host_session(value_of(split_host_keys(octets)))), "stsafe_wrong_host_key");
    EXPECT_EQ(chip.memory(), before) << "the counter does not move for a wrong C-MAC";
    EXPECT_FALSE(device.has_host_session());
    EXPECT_EQ(name_of_error(device.open_host_session(value_of(split_host_keys(bytes(64))))), "bad_host_key");
    // The cipher half alone is wrong: found where something is encrypted.
    ASSERT_TRUE(device.run(put(attribute::command_encryption, bytes{0x02, encrypt_command})));
    octets = test::host_key_octets;
    octets[16] ^= 1;
    ASSERT_TRUE(device.open_host_session(value_of(split_host_keys(octets))));
    EXPECT_EQ(name_of_run(device, generate_random{0, 8}), "stsafe_decryption");
}

TEST_F(Stsafe, CommandsForTheHostAloneAreEncrypted) {
    ASSERT_TRUE(device.run(p256_in(1)));
    const point peer = value_of(device.run(p256_in(2))).public_key;
    const auto expected = value_of(device.run(establish_key{1, peer}));
    set_host_key();
    ASSERT_TRUE(device.run(put(attribute::command_access, bytes{0x18, static_cast<uint8_t>(command_access::host)})));
    ASSERT_TRUE(device.run(put(attribute::command_encryption, bytes{0x18, encrypt_command | encrypt_answer})));
    refused(put(attribute::command_access, bytes{0x18, static_cast<uint8_t>(command_access::free)}), "stsafe_not_authorized");
    refused(establish_key{1, peer}, "stsafe_not_authorized");
    ASSERT_TRUE(device.open_host_session(test::test_host_keys()));
    const auto through = value_of(device.run(establish_key{1, peer}));
    EXPECT_EQ(to_hex(through.secret.value.reveal()), to_hex(expected.secret.value.reveal()));
    // What lies in the chip for the bus to read is not the secret.
    const auto on_the_bus = chip.chip().read(500);
    ASSERT_TRUE(on_the_bus);
    EXPECT_EQ(to_hex(*on_the_bus).find(to_hex(expected.secret.value.reveal())), std::string::npos);
}

TEST_F(Stsafe, ForgedCommandsAreRefused) {
    set_host_key();
    const host_keys keys = test::test_host_keys();
    command_frame frame{{static_cast<uint8_t>(0x04 | flag_c_mac | flag_r_mac | flag_host), {}},
                        value_of(wire::encode(decrement{0, counter_zone, 0, 1, {}}))};
    const auto send = [&](const command_frame& f) {
        EXPECT_TRUE(chip.chip().write(encode(f)));
        const auto octets = chip.chip().read(least_answer_size);
        return static_cast<status>((*octets)[0] & status_mask);
    };
    command_frame signed_frame = frame;
    append(signed_frame.payload, c_mac(keys, {0, 3}, frame));
    EXPECT_EQ(send(signed_frame), status::ok);
    EXPECT_EQ(counter(), 499'999U);
    EXPECT_EQ(send(signed_frame), status::invalid_c_mac) << "replayed";
    command_frame changed = frame;
    changed.payload[7] = 2;  // the amount
    append(changed.payload, c_mac(keys, {1, 3}, frame));
    EXPECT_EQ(send(changed), status::invalid_c_mac);
    command_frame bare = frame;
    bare.payload.resize(2);
    EXPECT_EQ(send(bare), status::inconsistent_data) << "shorter than a C-MAC";
    EXPECT_EQ(counter(), 499'999U);
    EXPECT_EQ(chip.chip().state().host_counter, 1U);
}

}  // namespace

}  // namespace berth::keystore::stsafe
