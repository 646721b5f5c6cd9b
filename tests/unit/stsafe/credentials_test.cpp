// Credentials in zones, and who may read and replace them.
#include "keystore/stsafe/credentials.h"
#include "keystore/stsafe/firmware.h"
#include "keystore/stsafe/keys.h"
#include "keystore/stsafe/removal.h"
#include "support/stsafe_chip.h"
#include "support/stsafe_identity.h"

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::model_chip;
using test::name_of_error;
using test::value_of;

secret_bytes secret(std::string_view text) {
    return secret_bytes(as_bytes(text));
}

class StsafeCredentials : public testing::Test {
protected:
    void open_session(stsafe::device& d) {
        ASSERT_TRUE(d.run(put_attribute{attribute::host_key, {secret_bytes(test::host_key_octets)}}));
        ASSERT_TRUE(d.open_host_session(test::test_host_keys()));
    }
    std::string text_of(const std::string& name) { return std::string(as_text(value_of(get_credential(device, name)).reveal())); }
    zone_summary zone(uint8_t number) { return value_of(list_zones(device)).at(number); }
    template <class F>
    void refused(const F& what, std::string_view name) {
        const bytes before = chip.memory();
        EXPECT_EQ(name_of_error(what()), name);
        EXPECT_EQ(chip.memory(), before) << name << ": the chip's memory changed";
    }
    // Whether the octets of `text` lie anywhere in the chip.
    bool remembers(std::string_view text) { return as_text(chip.memory()).find(text) != std::string_view::npos; }

    model_chip chip;
    stsafe::device device = chip.connect();
};

TEST_F(StsafeCredentials, ArePutIntoTheSmallestZoneThatHoldsThem) {
    EXPECT_EQ(value_of(put_credential(device, "pin", secret("1234"))), 7);
    EXPECT_EQ(text_of("pin"), "1234");
    const secret_bytes certificate{bytes(1500, 0x5a)};
    EXPECT_EQ(value_of(put_credential(device, "mqtt", certificate)), 4);
    EXPECT_EQ(zone(4).content, zone_content::credential);
    EXPECT_EQ(zone(4).name, "mqtt");
    EXPECT_EQ(to_hex(value_of(get_credential(device, "mqtt")).reveal()), to_hex(certificate.reveal()));
    EXPECT_EQ(zone(5).content, zone_content::counter);
    // What is empty yet of the identities' and keys' zones, the device may need.
    const auto none = put_credential(device, "wifi", secret("a long passphrase of the network that it is in"));
    EXPECT_EQ(name_of_error(none), "no_room");
    EXPECT_NE(none.error().message.find("--zone 0"), std::string::npos) << none.error().message;
    for (uint8_t number = 0; number <= 3; ++number) {
        EXPECT_EQ(zone(number).content, zone_content::empty);
    }
    EXPECT_EQ(value_of(put_credential(device, "wifi", secret("a long passphrase"), {.zone = 2})), 2) << "unless it is named";
}

// A zone that is spoken for says by what.
TEST_F(StsafeCredentials, AreNotPutOverAKeyThatFirmwareIsVerifiedWith) {
    ASSERT_TRUE(trust_key(device, 4, test::signature_key("signer").public_key(), false));
    EXPECT_EQ(zone(4).content, zone_content::trusted);
    EXPECT_EQ(name_of(zone_content::trusted), "trusted");
    const auto refusal = put_credential(device, "wifi", secret("x"), {.zone = 4});
    EXPECT_EQ(name_of_error(refusal), "zone_in_use");
    EXPECT_NE(refusal.error().message.find("firmware"), std::string::npos) << refusal.error().message;
    refused([&] { return put_credential(device, "wifi", secret_bytes(size_t{500})); }, "no_room");
    auto shared = chip.share();
    ASSERT_TRUE(make_signing_key(shared, {.slot = 1, .zone = 1}, crypto::signature_algorithm::ecdsa_p256_sha256));
    const auto of_key = put_credential(device, "wifi", secret("x"), {.zone = 1});
    EXPECT_EQ(name_of_error(of_key), "zone_in_use");
    EXPECT_NE(of_key.error().message.find("slot's key"), std::string::npos) << of_key.error().message;
}

TEST_F(StsafeCredentials, NothingIsOverwrittenThatNobodySaid) {
    ASSERT_TRUE(put_credential(device, "wifi", secret("first"), {.zone = 2}));
    refused([&] { return put_credential(device, "wifi", secret("second")); }, "credential_exists");
    refused([&] { return put_credential(device, "other", secret("x"), {.zone = 2}); }, "zone_in_use");
    refused([&] { return put_credential(device, "wfi", secret("x"), {.replace = true}); }, "credential_not_found");
    refused([&] { return put_credential(device, "other", secret("x"), {.zone = 2, .replace = true}); }, "credential_not_found");
    refused([&] { return put_credential(device, "other", secret("x"), {.zone = 5}); }, "zone_in_use");
    refused([&] { return put_credential(device, "other", secret("x"), {.zone = 99}); }, "no_room");
    refused([&] { return put_credential(device, "large", secret_bytes(size_t{1700})); }, "no_room");
    refused([&] { return put_credential(device, "", secret("x")); }, "bad_credential_name");
    refused([&] { return put_credential(device, std::string(65, 'n'), secret("x")); }, "bad_credential_name");
    EXPECT_EQ(text_of("wifi"), "first");
    const auto maker = test::make_chip_maker("maker");
    test::give_identity(device, maker, "chip 1");
    refused([&] { return put_credential(device, "other", secret("x"), {.zone = 0}); }, "zone_in_use");
    EXPECT_EQ(zone(0).content, zone_content::certificate);
}

TEST_F(StsafeCredentials, KeysAndCredentialsLeaveEachOtherAlone) {
    auto shared = chip.share();
    ASSERT_TRUE(make_signing_key(shared, {.slot = 1, .zone = 1}, crypto::signature_algorithm::ecdsa_p256_sha256));
    EXPECT_EQ(zone(1).content, zone_content::key);
    refused([&] { return put_credential(device, "other", secret("x"), {.zone = 1}); }, "zone_in_use");
    ASSERT_TRUE(put_credential(device, "wifi", secret("x"), {.zone = 2}));
    refused([&] { return check_vacant(*shared, {.slot = 2, .zone = 2}); }, "key_exists");
    EXPECT_TRUE(check_vacant(*shared, {.slot = 3, .zone = 3}));
}

TEST_F(StsafeCredentials, AShorterOneLeavesNothingOfTheLongerBehind) {
    ASSERT_TRUE(put_credential(device, "wifi", secret("a rather long passphrase with an end that is secret"), {.zone = 2}));
    EXPECT_TRUE(remembers("with an end"));
    ASSERT_TRUE(put_credential(device, "wifi", secret("short"), {.replace = true}));
    EXPECT_EQ(text_of("wifi"), "short");
    EXPECT_FALSE(remembers("with an end"));
    EXPECT_EQ(value_of(remove_credential(device, "wifi")), 2);
    EXPECT_FALSE(remembers("short"));
    EXPECT_EQ(zone(2).content, zone_content::empty);
    EXPECT_EQ(name_of_error(get_credential(device, "wifi")), "credential_not_found");
    EXPECT_EQ(name_of_error(remove_credential(device, "wifi")), "credential_not_found");
}

TEST_F(StsafeCredentials, ForTheHostAlone) {
    refused([&] { return put_credential(device, "wifi", secret("psk"), {.reading = zone_condition::host}); }, "stsafe_session");
    open_session(device);
    ASSERT_TRUE(put_credential(device, "wifi", secret("psk"),
                               {.zone = 2, .reading = zone_condition::host, .writing = zone_condition::host}));
    EXPECT_EQ(text_of("wifi"), "psk");
    EXPECT_EQ(zone(2).reading, zone_condition::host);
    EXPECT_EQ(zone(2).writing, zone_condition::host);
    auto stranger = chip.connect();
    const auto seen = value_of(list_zones(stranger));
    EXPECT_EQ(seen.at(2).content, zone_content::closed);
    EXPECT_EQ(seen.at(2).name, "");
    const auto missed = get_credential(stranger, "wifi");
    EXPECT_EQ(name_of_error(missed), "credential_not_found");
    EXPECT_NE(missed.error().message.find("give the host key"), std::string::npos);
    EXPECT_EQ(name_of_error(read_octets(stranger, 2, 0, 4)), "stsafe_access_condition");
    EXPECT_EQ(name_of_error(write_octets(stranger, 2, 0, bytes(4))), "stsafe_access_condition");
    EXPECT_EQ(name_of_error(put_credential(stranger, "other", secret("x"), {.zone = 2})), "zone_in_use");
    // Conditions that may change can be opened again by whoever meets them.
    ASSERT_TRUE(put_credential(device, "wifi", secret("psk 2"), {.reading = zone_condition::anybody, .replace = true}));
    EXPECT_EQ(as_text(value_of(get_credential(stranger, "wifi")).reveal()), "psk 2");
    refused([&] { return put_credential(stranger, "wifi", secret("psk 3"), {.replace = true}); }, "stsafe_session");
}

// What stands in the way is told, and the zone that is empty and not taken.
TEST_F(StsafeCredentials, NoRoomSaysWhy) {
    const auto says = [&](const credential_options& how, size_t size, const std::string& text) {
        const auto put = put_credential(device, "new", secret_bytes(size), how);
        ASSERT_FALSE(put);
        EXPECT_EQ(put.error().name, "no_room");
        EXPECT_NE(put.error().message.find(text), std::string::npos) << put.error().message;
    };
    says({.zone = 9}, 1, "There is no zone 9: this STSAFE-A has zones 0 to 7.");
    says({.zone = 7}, 100, "Zone 7 has 48 octets");
    for (const uint8_t zone : std::vector<uint8_t>{1, 2, 3, 4, 7}) {
        ASSERT_TRUE(put_credential(device, "in " + std::to_string(zone), secret("x"), {.zone = zone}));
    }
    says({}, 20, "name it (--zone 0)");
    EXPECT_EQ(value_of(put_credential(device, "new", secret("x"), {.zone = 0})), 0);
}

TEST_F(StsafeCredentials, ForEver) {
    ASSERT_TRUE(
        put_credential(device, "origin", secret("made in 2026"), {.zone = 3, .writing = zone_condition::nobody, .final = true}));
    EXPECT_EQ(text_of("origin"), "made in 2026");
    EXPECT_FALSE(zone(3).writing_may_change);
    EXPECT_TRUE(zone(3).reading_may_change) << "nothing was said of it";
    refused([&] { return put_credential(device, "origin", secret("x"), {.replace = true}); }, "condition_fixed");
    refused([&] { return put_credential(device, "origin", secret("x"), {.writing = zone_condition::anybody, .replace = true}); },
            "condition_fixed");
    refused([&] { return remove_credential(device, "origin"); }, "condition_fixed");
    refused([&] { return put_credential(device, "x", secret("x"), {.reading = zone_condition::nobody}); }, "bad_condition");
}

// Power, or the bus, goes at any point of it: what is there afterwards is the old one, the new one, or visibly none.
TEST_F(StsafeCredentials, HalfOfOneIsNone) {
    const std::string old_one(450, 'o');
    const std::string new_one(450, 'n');
    size_t torn = 0;
    for (int cut = 1; cut < 60; ++cut) {
        model_chip fresh("chip " + std::to_string(cut));
        auto before = fresh.connect();
        ASSERT_TRUE(put_credential(before, "wifi", secret(old_one), {.zone = 2}));
        class cut_bus final : public transport {
        public:
            cut_bus(model::chip& c, int writes) : chip_(c), left_(writes) {}
            result<bool> write(bytes_view octets) override {
                return left_-- > 0 ? chip_.write(octets)
                                   : result<bool>(fail(error_category::environment, "stsafe_bus", "the power is gone"));
            }
            result<std::optional<bytes>> read(size_t count) override { return chip_.read(count); }

        private:
            model::chip& chip_;
            int left_;
        };
        stsafe::device cutting(std::make_unique<cut_bus>(fresh.chip(), cut));
        const auto put = put_credential(cutting, "wifi", secret(new_one), {.replace = true});
        auto after = fresh.connect();
        const auto left = get_credential(after, "wifi");
        if (put) {
            EXPECT_EQ(as_text(value_of(get_credential(after, "wifi")).reveal()), new_one);
            EXPECT_GT(torn, 0U) << "no cut was in the middle";
            return;
        }
        if (left) {
            EXPECT_EQ(as_text(left->reveal()), old_one) << cut;
        } else {
            ++torn;
            EXPECT_EQ(left.error().name, "credential_not_found") << cut;
            EXPECT_TRUE(put_credential(after, "wifi", secret(new_one), {.zone = 2})) << cut << ": it can be put there anew";
        }
    }
    FAIL() << "it never came to its end";
}

TEST_F(StsafeCredentials, WhatIsThereIsTold) {
    ASSERT_TRUE(put_credential(device, "wifi", secret("psk"), {.zone = 2}));
    ASSERT_TRUE(write_octets(device, 2, 20, bytes(1, 0xee)));
    EXPECT_EQ(zone(2).content, zone_content::damaged);
    ASSERT_TRUE(write_octets(device, 3, 0, as_bytes("somebody else's")));
    EXPECT_EQ(zone(3).content, zone_content::other);
    refused([&] { return put_credential(device, "x", secret("x"), {.zone = 3}); }, "zone_in_use");
    ASSERT_TRUE(write_octets(device, 7, 0, bytes{'B', 'C', 'R', '1', 0x0f, 0xff}));
    EXPECT_EQ(zone(7).content, zone_content::other) << "longer than its zone";
    EXPECT_EQ(name_of(zone_content::damaged), "damaged");
    EXPECT_EQ(name_of(zone_content::closed), "closed");
    EXPECT_EQ(name_of(zone_condition::nobody), "nobody");
}

}  // namespace

}  // namespace berth::keystore::stsafe
