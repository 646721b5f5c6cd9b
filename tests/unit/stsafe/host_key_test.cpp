// Host keys of the second version, the sessions that they are wrapped in, and DeriveKeys.
#include "keystore/software.h"
#include "keystore/stsafe/commands/basic.h"
#include "keystore/stsafe/commands/derivation.h"
#include "keystore/stsafe/commands/public_keys.h"
#include "keystore/stsafe/commands/zones.h"
#include "keystore/stsafe/host_key.h"
#include "keystore/stsafe/kek.h"
#include "support/stsafe_chip.h"

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::model_chip;
using test::name_of_error;
using test::name_of_run;
using test::value_of;

secret_bytes host_key_of(size_t size) {
    bytes out(size);
    for (size_t i = 0; i < size; ++i) {
        out[i] = static_cast<uint8_t>(i * 7 + 1);
    }
    return secret_bytes(out);
}

class StsafeHostKeyV2 : public testing::Test {
protected:
    template <class F>
    void refused(const F& what, std::string_view name) {
        const bytes before = chip.memory();
        EXPECT_EQ(name_of_error(what()), name);
        EXPECT_EQ(chip.memory(), before) << name << ": the chip's memory changed";
    }
    host_key_v2_content slot() { return value_of(device.ask<host_key_v2_content>(attribute::host_key_v2)); }
    result<void> open(const secret_bytes& key) { return device.open_host_session(value_of(split_host_keys(key.reveal()))); }
    kek_session session(const std::optional<kek_session::host_proof>& proof = std::nullopt) {
        return value_of(kek_session::start(device, oid_p256, crypto::system_random(), proof));
    }
    void trust(const signing_key& key, uint8_t flags) {
        const bool p256 = key.algorithm() == crypto::signature_algorithm::ecdsa_p256_sha256;
        ASSERT_TRUE(device.run(write_public_key{2, curve_name(p256 ? bytes_view(oid_p256) : bytes_view(oid_p384)),
                                                point::from(key.public_key().raw())}));
        ASSERT_TRUE(device.run(put_attribute{attribute::public_key_flags, {secret_bytes(bytes{2, 0, flags})}}));
    }
    void go_to_work() {
        ASSERT_TRUE(device.run(
            put_attribute{attribute::life_cycle, {secret_bytes(bytes{static_cast<uint8_t>(life_cycle::operational)})}}));
    }

    model_chip chip;
    stsafe::device device = chip.connect();
};

TEST_F(StsafeHostKeyV2, ServesTheWholeChannelInBothSizes) {
    for (const size_t size : {32U, 64U}) {
        model_chip other("chip " + std::to_string(size));
        stsafe::device d = other.connect();
        const auto key = host_key_of(size);
        ASSERT_TRUE(write_host_key_in_clear(d, key));
        auto told = value_of(d.ask<host_key_v2_content>(attribute::host_key_v2));
        EXPECT_EQ(told.present, 1);
        EXPECT_EQ(told.type, size == 64 ? 1 : 0);
        EXPECT_EQ(told.counter, 0U);
        EXPECT_EQ(value_of(d.ask<host_key_content>(attribute::host_key)).present, 0);
        // Read and Update encrypted both ways, and for the host alone.
        ASSERT_TRUE(d.run(put_attribute{attribute::command_encryption, {secret_bytes(bytes{0x05, 3, 0x06, 3})}}));
        ASSERT_TRUE(d.open_host_session(value_of(split_host_keys(key.reveal()))));
        const bytes text = to_bytes(as_bytes("it crosses the bus encrypted"));
        ASSERT_TRUE(d.run(update_zone{zone_option(access_change{zone_access::host, true}), 1, 0, {text}}));
        const auto back = d.run(read_zone{0, 1, 0, static_cast<uint16_t>(text.size())});
        EXPECT_EQ(to_hex(value_of(back).data.value), to_hex(text));
        EXPECT_EQ(value_of(d.ask<host_key_v2_content>(attribute::host_key_v2)).counter, 4U);
        // An answer is lost in the session: the counter of four octets tells that it was done.
        other.faults.lost_reads = 1;
        EXPECT_TRUE(d.run(read_zone{0, 1, 0, 4}));
    }
}

TEST_F(StsafeHostKeyV2, TheCounterHasFourOctets) {
    ASSERT_TRUE(write_host_key_in_clear(device, host_key_of(64)));
    auto state = *value_of(chip.store.load());
    state.host_counter = 0x01000005;
    ASSERT_TRUE(chip.store.save(state));
    test::named_random random("later");
    auto later = value_of(model::chip::power_on(chip.store, random));
    stsafe::device again(std::make_unique<model::direct_bus>(later));
    ASSERT_TRUE(again.open_host_session(value_of(split_host_keys(host_key_of(64).reveal()))));
    EXPECT_TRUE(again.run(echo{{bytes{1}}}, protection::authenticated));
    EXPECT_EQ(later.state().host_counter, 0x01000008U);
}

TEST_F(StsafeHostKeyV2, IsGivenOnceAndBeforeTheChipGoesToWork) {
    refused([&] { return write_host_key_in_clear(device, host_key_of(48)); }, "bad_host_key");
    write_host_key wrong{{}, host_key_type::aes256, {host_key_of(32)}};
    refused([&] { return device.run(wrong); }, "stsafe_inconsistent_data");
    wrong.type = static_cast<host_key_type>(2);
    refused([&] { return device.run(wrong); }, "stsafe_out_of_range");
    ASSERT_TRUE(write_host_key_in_clear(device, host_key_of(32)));
    refused([&] { return write_host_key_in_clear(device, host_key_of(64)); }, "stsafe_not_authorized");
    refused([&] { return device.run(put_attribute{attribute::host_key, {host_key_of(32)}}); }, "stsafe_not_authorized");
    auto s = session();
    refused([&] { return write_host_key_in(s, device, host_key_of(64)); }, "stsafe_not_authorized");
    refused([&] { return open(host_key_of(64)); }, "bad_host_key");
    secret_bytes other = host_key_of(32);
    other.writable()[0] ^= 1;
    refused([&] { return open(other); }, "stsafe_wrong_host_key");
    EXPECT_TRUE(open(host_key_of(32)));

    model_chip at_work("at work");
    stsafe::device d = at_work.connect();
    ASSERT_TRUE(d.run(put_attribute{attribute::life_cycle, {secret_bytes(bytes{0x03})}}));
    EXPECT_EQ(name_of_error(write_host_key_in_clear(d, host_key_of(32))), "stsafe_life_cycle");
}

TEST_F(StsafeHostKeyV2, IsSetByOneCallAndFound) {
    for (const size_t size : {32U, 64U}) {
        for (const bool wrapped : {false, true}) {
            model_chip other("set " + std::to_string(size) + std::to_string(wrapped ? 1 : 0));
            stsafe::device d = other.connect();
            ASSERT_TRUE(set_host_key(d, host_key_of(size), {.wrapped = wrapped, .encrypted = {}}));
            EXPECT_TRUE(d.has_host_session());
            EXPECT_EQ(other.chip().state().host_key_version, size == 64 || wrapped ? 2 : 1);
            const bytes before = other.memory();
            EXPECT_EQ(name_of_error(set_host_key(d, host_key_of(size))), "host_key_exists");
            EXPECT_EQ(name_of_error(set_host_key(d, host_key_of(96 - size))), "host_key_exists");
            EXPECT_EQ(other.memory(), before);
        }
    }
    model_chip old("old", {.kind = model::product::a110});
    stsafe::device d = old.connect();
    for (const size_t size : {32U, 64U}) {
        EXPECT_EQ(name_of_error(set_host_key(d, host_key_of(size), {.wrapped = true, .encrypted = {}})), "stsafe_unsupported");
    }
    const auto refused_size = set_host_key(d, host_key_of(64));
    EXPECT_EQ(name_of_error(refused_size), "stsafe_unsupported");
    EXPECT_NE(refused_size.error().message.find("32 octets"), std::string::npos);
    EXPECT_EQ(name_of_error(set_host_key(d, host_key_of(48))), "bad_host_key");
    EXPECT_TRUE(set_host_key(d, host_key_of(32)));
    go_to_work();
    refused([&] { return set_host_key(device, host_key_of(32)); }, "stsafe_life_cycle");
}

// The setting is not sent twice: whether the chip has the key, the session with it shows.
TEST_F(StsafeHostKeyV2, ALostAnswerToSettingItIsFoundOut) {
    for (const size_t size : {32U, 64U}) {
        model_chip other("lost " + std::to_string(size));
        class losing_bus final : public transport {
        public:
            explicit losing_bus(model::chip& c, size_t long_one) : chip_(c), long_one_(long_one) {}
            result<bool> write(bytes_view octets) override {
                losing_ = octets.size() > long_one_ && !done_;
                done_ = done_ || losing_;
                return chip_.write(octets);
            }
            result<std::optional<bytes>> read(size_t count) override {
                if (losing_) {
                    return fail(error_category::environment, "stsafe_bus", "lost");
                }
                return chip_.read(count);
            }

        private:
            model::chip& chip_;
            size_t long_one_;
            bool losing_ = false;
            bool done_ = false;
        };
        stsafe::device d(std::make_unique<losing_bus>(other.chip(), size));
        EXPECT_TRUE(set_host_key(d, host_key_of(size)));
        EXPECT_TRUE(d.has_host_session());
    }
}

TEST_F(StsafeHostKeyV2, CommandsAreEncryptedFromThenOn) {
    ASSERT_TRUE(set_host_key(device, host_key_of(32), {.wrapped = false, .encrypted = bytes{0x06, 0x05}}));
    const bytes text = to_bytes(as_bytes("not to be read on the bus"));
    ASSERT_TRUE(device.run(update_zone{0, 1, 0, {text}}));
    EXPECT_EQ(to_hex(value_of(device.run(read_zone{0, 1, 0, static_cast<uint16_t>(text.size())})).data.value), to_hex(text));
    EXPECT_EQ(to_hex(*chip.chip().read(200)).find(to_hex(text)), std::string::npos);
    stsafe::device stranger = chip.connect();
    EXPECT_EQ(name_of_run(stranger, read_zone{0, 1, 0, 4}), "stsafe_not_authorized");
}

// The host's power failed between the key and the table.
TEST_F(StsafeHostKeyV2, WhatWasInterruptedIsGoneOnWith) {
    const host_key_options encrypting{.wrapped = false, .encrypted = bytes{0x06, 0x05}};
    ASSERT_TRUE(set_host_key(device, host_key_of(32)));
    stsafe::device again = chip.connect();
    EXPECT_EQ(name_of_error(set_host_key(again, host_key_of(64), encrypting)), "host_key_exists");
    ASSERT_TRUE(set_host_key(again, host_key_of(32), encrypting));
    stsafe::device stranger = chip.connect();
    EXPECT_EQ(name_of_run(stranger, read_zone{0, 1, 0, 4}), "stsafe_not_authorized");
    EXPECT_EQ(name_of_error(set_host_key(again, host_key_of(32), encrypting)), "host_key_exists");
}

TEST_F(StsafeHostKeyV2, TravelsWrapped) {
    for (const size_t size : {32U, 64U}) {
        model_chip other("wrapped " + std::to_string(size));
        stsafe::device d = other.connect();
        auto s =
            value_of(kek_session::start(d, size == 32 ? bytes_view(oid_p256) : bytes_view(oid_p384), crypto::system_random()));
        ASSERT_TRUE(write_host_key_in(s, d, host_key_of(size)));
        EXPECT_TRUE(s.stop());
        EXPECT_TRUE(d.open_host_session(value_of(split_host_keys(host_key_of(size).reveal()))));
    }
}

TEST_F(StsafeHostKeyV2, AWrongEnvelopeIsRefusedAndCounts) {
    auto s = session();
    const secret_bytes content(bytes(40, 0));
    bytes envelope = s.wrap(content);
    EXPECT_EQ(envelope.size(), 48U) << "as the driver says of AES-128";
    envelope.back() ^= 1;
    refused([&] { return device.run(write_host_key_wrapped{{envelope}}); }, "stsafe_decryption");
    refused([&] { return device.run(write_host_key_wrapped{{s.wrap(content)}}); }, "stsafe_inconsistent_data");
    // The first working key has served: its envelope is of no use any more.
    ASSERT_TRUE(write_host_key_in(s, device, host_key_of(32))) << "host and chip still count alike";
    // A session of somebody else, none, and one that was ended.
    model_chip other("other");
    stsafe::device d = other.connect();
    EXPECT_EQ(name_of_run(d, write_host_key_wrapped{{envelope}}), "stsafe_session");
    EXPECT_EQ(name_of_run(d, stop_kek_session{}), "stsafe_session");
    auto theirs = value_of(kek_session::start(d, oid_p256, crypto::system_random()));
    EXPECT_EQ(name_of_run(d, write_host_key_wrapped{{s.wrap(content)}}), "stsafe_decryption") << "wrong KEK";
    ASSERT_TRUE(d.run(reset{}));
    EXPECT_EQ(name_of_error(write_host_key_in(theirs, d, host_key_of(32))), "stsafe_session") << "Reset ends it";
    EXPECT_EQ(other.chip().state().host_key_present, 0);
}

TEST_F(StsafeHostKeyV2, ASessionNeedsAFreshHalfOfTheSameCurve) {
    const auto start = [&](bytes_view curve) {
        const auto key =
            crypto::signing_key::generate(same_octets(curve, oid_p256) ? crypto::signature_algorithm::ecdsa_p256_sha256
                                                                       : crypto::signature_algorithm::ecdsa_p384_sha384,
                                          crypto::system_random());
        return start_kek_session{curve_name(curve), point::from(key.public_key().raw()), kek_unwrapping};
    };
    EXPECT_EQ(name_of_run(device, start(oid_p256)), "stsafe_key_not_found");
    ASSERT_TRUE(device.run(generate_ecdhe{curve_name(bytes_view(oid_p256))}));
    EXPECT_EQ(name_of_run(device, start(oid_p384)), "stsafe_key_not_found");
    auto odd = start(oid_p256);
    odd.algorithm = 2;
    EXPECT_EQ(name_of_run(device, odd), "stsafe_out_of_range");
    EXPECT_TRUE(device.run(start(oid_p256)));
    EXPECT_EQ(name_of_run(device, start(oid_p256)), "stsafe_key_not_found") << "its half served once";
    ASSERT_TRUE(device.run(generate_ecdhe{curve_name(bytes_view(oid_p256))}));
    auto off = start(oid_p256);
    off.host_key.y.value.back() ^= 1;
    EXPECT_EQ(name_of_run(device, off), "stsafe_invalid_public_key");
    EXPECT_EQ(name_of_run(device, generate_ecdhe{curve_name(bytes_view(oid_sha256))}), "stsafe_out_of_range");
    // EstablishKey takes it as well, under the number of the fleeting slot.
    const auto made = value_of(device.run(generate_ecdhe{curve_name(bytes_view(oid_p256))}));
    EXPECT_EQ(to_hex(made.curve.view()), to_hex(oid_p256));
    EXPECT_TRUE(device.run(establish_key{ephemeral_slot, start(oid_p256).host_key}));
}

TEST_F(StsafeHostKeyV2, AHostThatProvesItselfMaySetItLater) {
    for (const auto alg : {crypto::signature_algorithm::ecdsa_p256_sha256, crypto::signature_algorithm::ecdsa_p384_sha384}) {
        const auto owner = software_signing_key(crypto::signing_key::generate(alg, crypto::system_random()));
        const auto stranger = software_signing_key(crypto::signing_key::generate(alg, crypto::system_random()));
        trust(*owner, public_key_use::change_right | public_key_use::start_kek_session);
        const auto start = [&](const signing_key& by, uint8_t slot = 2) {
            return kek_session::start(device, oid_p256, crypto::system_random(), kek_session::host_proof{slot, &by});
        };
        refused([&] { return start(*stranger); }, "stsafe_not_authorized");
        refused([&] { return start(*owner, 1); }, "stsafe_key_not_found");
        ASSERT_TRUE(start(*owner));
        ASSERT_TRUE(device.run(
            put_attribute{attribute::public_key_flags,
                          {secret_bytes(bytes{2, 0, public_key_use::change_right | public_key_use::entity_authentication})}}));
        refused([&] { return start(*owner); }, "stsafe_key_usage");
    }
    const auto owner = software_signing_key(
        crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random()));
    trust(*owner, public_key_use::start_kek_session);
    go_to_work();
    auto anonymous = session();
    refused([&] { return write_host_key_in(anonymous, device, host_key_of(64)); }, "stsafe_life_cycle");
    auto proved = session(kek_session::host_proof{2, owner.get()});
    ASSERT_TRUE(write_host_key_in(proved, device, host_key_of(64)));
    EXPECT_TRUE(open(host_key_of(64)));
}

// EstablishHostKeyV2: the key follows from the agreement, and is on no bus.
TEST_F(StsafeHostKeyV2, HostAndChipAgreeOnIt) {
    for (const auto type : {host_key_type::aes128, host_key_type::aes256}) {
        for (const bytes_view curve : {bytes_view(oid_p256), bytes_view(oid_p384)}) {
            model_chip other("agreed " + std::to_string(host_keys_size(type)) + std::to_string(curve.size()));
            stsafe::device d = other.connect();
            const auto key = value_of(agree_on_host_key(d, curve, type, crypto::system_random()));
            EXPECT_EQ(key.size(), host_keys_size(type));
            EXPECT_TRUE(d.open_host_session(value_of(split_host_keys(key.reveal()))));
            EXPECT_TRUE(d.run(echo{{bytes{1, 2}}}, protection::authenticated));
            EXPECT_EQ(name_of_error(agree_on_host_key(d, curve, type, crypto::system_random())), "stsafe_not_authorized")
                << "once";
        }
    }
    // HKDF with the driver's salt: computed apart from this code (openssl kdf HKDF).
    EXPECT_EQ(
        to_hex(kek::host_key(secret_bytes(bytes(32, 0x11)), bytes(64, 0x22), bytes(64, 0x33), host_key_type::aes128).reveal()),
        "b0b1d00b8abf8c3257891c9696b25dba51923e6423a2857509650fcf9be42b1d");
}

TEST_F(StsafeHostKeyV2, AgreeingOnItLaterNeedsAProof) {
    const auto owner = software_signing_key(
        crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p384_sha384, crypto::system_random()));
    const auto stranger = software_signing_key(
        crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p384_sha384, crypto::system_random()));
    trust(*owner, public_key_use::establish_host_key);
    go_to_work();
    const auto as = [&](const signing_key* by, uint8_t slot = 2) {
        return agree_on_host_key(device, oid_p256, host_key_type::aes256, crypto::system_random(),
                                 by == nullptr ? std::nullopt : std::optional(kek_session::host_proof{slot, by}));
    };
    refused([&] { return as(nullptr); }, "stsafe_life_cycle");
    refused([&] { return as(stranger.get()); }, "stsafe_not_authorized");
    refused([&] { return as(owner.get(), 1); }, "stsafe_key_not_found");
    EXPECT_EQ(
        name_of_error(kek_session::start(device, oid_p256, crypto::system_random(), kek_session::host_proof{2, owner.get()})),
        "stsafe_key_usage")
        << "one use is not the other";
    EXPECT_TRUE(open(value_of(as(owner.get()))));
    // What the chip's half was for is over.
    establish_host_key again{curve_name(bytes_view(oid_p256)), point::from(bytes(65, 4)), host_key_agreement,
                             host_key_type::aes256};
    EXPECT_EQ(name_of_run(device, again), "stsafe_key_not_found");
    again.algorithm = kek_unwrapping;
    EXPECT_EQ(name_of_run(device, again), "stsafe_out_of_range");
}

// RFC 5869, test cases 1 and 3, as far as the chip takes keys of that length.
TEST_F(StsafeHostKeyV2, KeysAreDerivedAsHkdfSays) {
    derive_keys command;
    command.key.value = secret_bytes(bytes(22, 0x0b));
    command.salt.value = lengthy(value_of(from_hex("000102030405060708090a0b0c")));
    command.info = lengthy(value_of(from_hex("f0f1f2f3f4f5f6f7f8f9")));
    command.wanted.key_length = 42;
    EXPECT_EQ(to_hex(value_of(device.run(command)).keys.value.reveal()),
              "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    expand_keys expand;
    expand.key.value = secret_bytes(value_of(from_hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")));
    expand.info = command.info;
    expand.wanted.key_length = 42;
    EXPECT_EQ(to_hex(value_of(device.run(expand)).keys.value.reveal()),
              "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    derive_keys empty;
    empty.key.value = command.key.value;
    empty.wanted.key_length = 42;
    EXPECT_EQ(to_hex(value_of(device.run(empty)).keys.value.reveal()),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");

    const auto changed = [&](auto change) {
        derive_keys c = command;
        change(c);
        return name_of_run(device, c);
    };
    EXPECT_EQ(changed([](auto& c) { c.salt.source = 3; }), "stsafe_inconsistent_data");
    EXPECT_EQ(changed([](auto& c) { c.wanted.destination = 3; }), "stsafe_inconsistent_data");
    EXPECT_EQ(changed([](auto& c) { c.wanted.key_length = 0; }), "stsafe_out_of_range");
    EXPECT_EQ(changed([](auto& c) { c.wanted.key_length = 5000; }), "stsafe_length");
    EXPECT_EQ(changed([](auto& c) { c.wanted.length = 9; }), "stsafe_inconsistent_data");
    EXPECT_EQ(changed([](auto& c) { c.mode = 5; }), "stsafe_out_of_range");
    EXPECT_EQ(changed([](auto& c) { c.flags = hkdf_extract_flag; }), "stsafe_inconsistent_data") << "something is left over";
    EXPECT_EQ(changed([](auto& c) { c.flags = 7; }), "stsafe_out_of_range");
    EXPECT_EQ(changed([](auto& c) { c.key.value = secret_bytes(bytes(15)); }), "stsafe_out_of_range");
    EXPECT_EQ(changed([](auto& c) { c.hash = hash_name(bytes_view(oid_sha384)); }), "stsafe_out_of_range");
}

}  // namespace

}  // namespace berth::keystore::stsafe
