// Keys for symmetric key slots that host and chip agree on; and tag 4A, how a host key may be given.
#include "keystore/software.h"
#include "keystore/stsafe/aes.h"
#include "keystore/stsafe/commands/basic.h"
#include "keystore/stsafe/commands/public_keys.h"
#include "keystore/stsafe/kek.h"
#include "keystore/stsafe/slot_key.h"
#include "support/stsafe_chip.h"

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::model_chip;
using test::name_of_error;
using test::name_of_run;
using test::value_of;
using proof = kek_session::host_proof;

constexpr uint8_t macs = symmetric_use::mac_generation | symmetric_use::mac_verification;
const key_kind cmac_key{symmetric_type::aes256, symmetric_mode::cmac, macs, {4, 0}};
const key_kind ecb_key{symmetric_type::aes128, symmetric_mode::ecb, symmetric_use::encryption, {}};

signing_key_ptr fresh_key() {
    return software_signing_key(
        crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random()));
}

class StsafeAgreement : public testing::Test {
protected:
    template <class F>
    void refused(const F& what, std::string_view name) {
        const bytes before = chip.memory();
        EXPECT_EQ(name_of_error(what()), name);
        EXPECT_EQ(chip.memory(), before) << name << ": the chip's memory changed";
    }
    template <command C>
    void refused_command(const C& c, std::string_view name) {
        refused([&] { return device.run(c); }, name);
    }
    void trust(uint8_t slot, const signing_key& key, uint8_t use) {
        ASSERT_TRUE(device.run(write_public_key{slot, curve_name(bytes_view(oid_p256)), point::from(key.public_key().raw())}));
        ASSERT_TRUE(device.run(put_attribute{attribute::public_key_flags, {secret_bytes(bytes{slot, 0, use})}}));
    }
    void put(attribute tag, bytes_view content) { ASSERT_TRUE(device.run(put_attribute{tag, {secret_bytes(content)}})); }
    void go_to_work() { put(attribute::life_cycle, bytes{static_cast<uint8_t>(life_cycle::operational)}); }
    auto agree(const std::vector<agreed_key>& wanted, const std::optional<proof>& by = std::nullopt,
               bytes_view curve = bytes_view(oid_p256)) {
        return agree_on_symmetric_keys(device, curve, wanted, crypto::system_random(), by);
    }
    bytes key_in(size_t slot) { return to_bytes(chip.chip().state().symmetric_keys.items[slot].key.value.reveal()); }
    static establish_symmetric_keys establishing(bytes_view curve) {
        const auto key =
            crypto::signing_key::generate(same_octets(curve, oid_p256) ? crypto::signature_algorithm::ecdsa_p256_sha256
                                                                       : crypto::signature_algorithm::ecdsa_p384_sha384,
                                          crypto::system_random());
        return {curve_name(curve), point::from(key.public_key().raw()), symmetric_agreement};
    }
    void give_half(bytes_view curve = bytes_view(oid_p256)) { ASSERT_TRUE(device.run(generate_ecdhe{curve_name(curve)})); }

    model_chip chip;
    stsafe::device device = chip.connect();
};

TEST_F(StsafeAgreement, KeysAreAgreedOn) {
    for (const bytes_view curve : {bytes_view(oid_p256), bytes_view(oid_p384)}) {
        const auto keys = value_of(agree({{key_lock::unlocked, 3, cmac_key},
                                          {key_lock::unlocked, 1, ecb_key},
                                          {key_lock::unlocked, 6, key_kind::secret(20, true)}},
                                         std::nullopt, curve));
        ASSERT_EQ(keys.size(), 3U);
        EXPECT_EQ(keys[0].size(), 32U);
        EXPECT_EQ(to_hex(keys[0].reveal()), to_hex(key_in(3)));
        EXPECT_EQ(to_hex(keys[1].reveal()), to_hex(key_in(1)));
        EXPECT_EQ(to_hex(keys[2].reveal()), to_hex(key_in(6)));
        EXPECT_EQ(keys[2].size(), 20U);
        // The host's and the chip's serve each other.
        auto chips = value_of(slot_key::find(device, 3));
        EXPECT_EQ(to_hex(value_of(chips.mac(bytes{1, 2, 3}, 16))), to_hex(aes::cmac(keys[0].reveal(), bytes{1, 2, 3})));
    }
    EXPECT_TRUE(agree({{key_lock::locked, 1, ecb_key}}));
    refused([&] { return agree({{key_lock::locked, 1, ecb_key}}); }, "stsafe_not_authorized");
    // All or none.
    refused([&] { return agree({{key_lock::unlocked, 3, cmac_key}, {key_lock::unlocked, 1, ecb_key}}); },
            "stsafe_not_authorized");
    refused([&] { return agree({{key_lock::unlocked, 3, cmac_key}, {key_lock::unlocked, 3, ecb_key}}); },
            "stsafe_inconsistent_data");
    refused([&] { return agree({{key_lock::unlocked, 99, cmac_key}}); }, "stsafe_out_of_range");
    refused([&] { return agree({{key_lock::unlocked, 2, {symmetric_type::generic, symmetric_mode::ecb, 0, {}}}}); },
            "stsafe_out_of_range");
    refused([&] { return agree({}); }, "bad_agreement");
    refused([&] { return agree(std::vector<agreed_key>(25)); }, "bad_agreement");
}

// By another implementation of HKDF and CMAC, from the driver's salt; and the octets of the commands.
TEST_F(StsafeAgreement, KeysFollowAsTheDriverSays) {
    const auto keys = kek::agreed_keys(secret_bytes(bytes(32, 0x11)), 48);
    EXPECT_EQ(to_hex(keys.confirmation.reveal()), "de35900a094b166fa131bb49c3562026a90e426034716f8431d8841caa7ca6c7");
    EXPECT_EQ(to_hex(keys.octets.reveal()),
              "0ce7c70b1fcc34d4b0f496b58e69b0d1b625b3b57077c7e4d1b3e07d0938618b0f47f07b04a854683f01d3ff40ffa9f8");
    const agreed_key_list one{{{key_lock::locked, 3, {symmetric_type::aes256, symmetric_mode::cmac, 3, {4, 0}}},
                               {key_lock::unlocked, 4, {symmetric_type::aes128, symmetric_mode::ecb, 0x0c, {}}}}};
    const bytes content = value_of(wire::encode(confirmed_content{one}));
    // length, lock, slot, type, mode, 00, usage, parameters
    EXPECT_EQ(to_hex(content), "000701030101000304"
                               "0006000400020"
                               "00c");
    const confirm_symmetric_keys command{{1, 2, 3, 4, 5, 6, 7, 8}, one};
    EXPECT_EQ(to_hex(value_of(wire::encode(command))), "0102030405060708" + to_hex(content));
    const auto again = value_of(wire::decode<confirm_symmetric_keys>(value_of(wire::encode(command))));
    EXPECT_EQ(to_hex(value_of(wire::encode(again))), to_hex(value_of(wire::encode(command))));
    const auto whole = value_of(wire::encode(establishing(oid_p256)));
    EXPECT_EQ(whole.back(), 2);
    EXPECT_EQ(whole.size(), 2U + 8 + 1 + 34 + 34 + 1);
}

TEST_F(StsafeAgreement, AWrongConfirmationEndsIt) {
    const confirm_symmetric_keys wrong{{}, {{{key_lock::unlocked, 1, ecb_key}}}};
    refused_command(wrong, "stsafe_session");
    give_half();
    ASSERT_TRUE(device.run(establishing(oid_p256)));
    refused_command(wrong, "stsafe_not_authorized");
    refused_command(wrong, "stsafe_session");
    // Frames that end too early. Those that are none leave the agreement where it was.
    const bytes content = value_of(wire::encode(wrong));
    for (size_t size = 0; size < content.size(); ++size) {
        give_half();
        ASSERT_TRUE(device.run(establishing(oid_p256)));
        const bytes before = chip.memory();
        ASSERT_TRUE(
            chip.chip().write(encode(command_frame{{confirm_symmetric_keys::about.code, confirm_symmetric_keys::about.extension},
                                                   to_bytes(bytes_view(content).first(size))})));
        EXPECT_EQ(static_cast<status>((*chip.chip().read(least_answer_size))[0] & status_mask), status::inconsistent_data);
        EXPECT_EQ(chip.memory(), before);
    }
    const bytes start = value_of(wire::encode(establishing(oid_p256)));
    for (size_t size = 0; size < start.size(); ++size) {
        ASSERT_TRUE(chip.chip().write(
            encode(command_frame{{establish_symmetric_keys::about.code, establish_symmetric_keys::about.extension},
                                 to_bytes(bytes_view(start).first(size))})));
        EXPECT_EQ(static_cast<status>((*chip.chip().read(least_answer_size))[0] & status_mask), status::inconsistent_data);
    }
    give_half();
    ASSERT_TRUE(device.run(establishing(oid_p256)));
    ASSERT_TRUE(device.run(reset{}));
    refused_command(wrong, "stsafe_session");
}

TEST_F(StsafeAgreement, CurvesAndHalvesHaveToFit) {
    refused_command(establishing(oid_p256), "stsafe_key_not_found");
    give_half();
    refused_command(establishing(oid_p384), "stsafe_key_not_found");
    auto odd = establishing(oid_p256);
    odd.algorithm = kek_unwrapping;
    refused_command(odd, "stsafe_out_of_range");
    odd = establishing(oid_p256);
    odd.curve = curve_name(bytes_view(oid_sha256));
    refused_command(odd, "stsafe_out_of_range");
    odd = establishing(oid_p256);
    odd.host_key.y.value.back() ^= 1;
    refused_command(odd, "stsafe_invalid_public_key");
    refused_command(establishing(oid_p256), "stsafe_key_not_found");  // the half served once
    model_chip old("a110", {.kind = model::product::a110});
    stsafe::device a110 = old.connect();
    EXPECT_EQ(name_of_run(a110, establishing(oid_p256)), "stsafe_unsupported");
    EXPECT_EQ(name_of_run(a110, confirm_symmetric_keys{}), "stsafe_unsupported");
    EXPECT_EQ(name_of_error(agree_on_symmetric_keys(a110, oid_p256, {{key_lock::unlocked, 1, ecb_key}}, crypto::system_random())),
              "stsafe_unsupported");
}

TEST_F(StsafeAgreement, ASlotMayAskForAProof) {
    const auto owner = fresh_key();
    const auto other = fresh_key();
    const auto stranger = fresh_key();
    trust(0, *owner, public_key_use::establish_symmetric_key);
    trust(1, *other, public_key_use::establish_symmetric_key | public_key_use::start_kek_session);
    // Slot 4 for the owner alone, slot 5 for whoever has proved himself.
    put(attribute::symmetric_provisioning, bytes{4, 0, 1, 0});
    put(attribute::symmetric_provisioning, bytes{5, 0, any_public_key, any_public_key});
    const std::vector<agreed_key> four{{key_lock::unlocked, 4, ecb_key}};
    const std::vector<agreed_key> five{{key_lock::unlocked, 5, ecb_key}};
    refused([&] { return agree(four); }, "stsafe_not_authorized");
    refused([&] { return agree(four, proof{1, other.get()}); }, "stsafe_not_authorized");
    refused([&] { return agree(four, proof{0, stranger.get()}); }, "stsafe_not_authorized");
    refused([&] { return agree(four, proof{2, owner.get()}); }, "stsafe_key_not_found");
    const auto keys = value_of(agree(four, proof{0, owner.get()}));
    EXPECT_EQ(to_hex(keys[0].reveal()), to_hex(key_in(4)));
    refused([&] { return agree(five); }, "stsafe_not_authorized");
    EXPECT_TRUE(agree(five, proof{1, other.get()}));
    EXPECT_TRUE(agree(five, proof{0, owner.get()}));
    // And wrapped: slot 4 for the other alone.
    EXPECT_EQ(name_of_error(kek_session::start(device, oid_p256, crypto::system_random(), proof{0, owner.get()})),
              "stsafe_key_usage");
    auto session = value_of(kek_session::start(device, oid_p256, crypto::system_random(), proof{1, other.get()}));
    const write_symmetric_key key{key_lock::unlocked, 4, ecb_key, {secret_bytes(size_t{16})}};
    EXPECT_TRUE(write_symmetric_key_in(session, device, key));
    auto anonymous = value_of(kek_session::start(device, oid_p256, crypto::system_random()));
    refused([&] { return write_symmetric_key_in(anonymous, device, key); }, "stsafe_not_authorized");
}

// ---- tag 4A

class StsafeHostKeyProvisioning : public StsafeAgreement {
protected:
    host_provisioning_content told() { return value_of(device.ask<host_provisioning_content>(attribute::host_key_provisioning)); }
    void rule(uint8_t flags, uint8_t by = any_public_key) { put(attribute::host_key_provisioning, bytes{flags, by}); }
    auto agree_host(const std::optional<proof>& by = std::nullopt) {
        return agree_on_host_key(device, oid_p256, host_key_type::aes128, crypto::system_random(), by);
    }
    auto wrap_host(const std::optional<proof>& by = std::nullopt) {
        auto session = value_of(kek_session::start(device, oid_p256, crypto::system_random(), by));
        return write_host_key_in(session, device, secret_bytes(bytes(32, 5)));
    }
    auto in_clear() { return write_host_key_in_clear(device, secret_bytes(bytes(32, 6))); }
};

TEST_F(StsafeHostKeyProvisioning, IsToldAndSetOnce) {
    EXPECT_EQ(told().flags,
              host_provisioning::wrapped_anonymous | host_provisioning::plaintext | host_provisioning::change_right);
    EXPECT_EQ(told().proved_by, any_public_key);
    const auto refused_rule = [&](const bytes& content, std::string_view name) {
        refused_command(put_attribute{attribute::host_key_provisioning, {secret_bytes(content)}}, name);
    };
    refused_rule({0x10, 0xff}, "stsafe_out_of_range");
    refused_rule({0x08, 4}, "stsafe_out_of_range");
    refused_rule({0x08}, "stsafe_inconsistent_data");
    refused_rule({0x08, 0xff, 0}, "stsafe_inconsistent_data");
    rule(host_provisioning::plaintext, 2);
    EXPECT_EQ(told().flags, host_provisioning::plaintext);
    EXPECT_EQ(told().proved_by, 2);
    refused_rule({0x0f, 0xff}, "stsafe_not_authorized");
    go_to_work();
    refused_rule({0x0f, 0xff}, "stsafe_life_cycle");
    model_chip old("a110", {.kind = model::product::a110});
    stsafe::device a110 = old.connect();
    EXPECT_EQ(name_of_run(a110, query{attribute::host_key_provisioning}), "stsafe_entry_not_found");
    EXPECT_EQ(name_of_run(a110, put_attribute{attribute::host_key_provisioning, {secret_bytes(bytes{8, 0xff})}}),
              "stsafe_entry_not_found");
}

TEST_F(StsafeHostKeyProvisioning, SaysWhichWayIsOpen) {
    rule(host_provisioning::wrapped_anonymous | host_provisioning::change_right);
    refused([&] { return in_clear(); }, "stsafe_not_authorized");
    refused([&] { return device.run(put_attribute{attribute::host_key, {secret_bytes(bytes(32, 6))}}); },
            "stsafe_not_authorized");
    rule(host_provisioning::plaintext | host_provisioning::change_right);
    refused([&] { return wrap_host(); }, "stsafe_not_authorized");
    refused([&] { return agree_host(); }, "stsafe_not_authorized");
    EXPECT_TRUE(in_clear());
    refused([&] { return in_clear(); }, "stsafe_not_authorized");
}

TEST_F(StsafeHostKeyProvisioning, NamesWhoMayProveHimself) {
    const auto owner = fresh_key();
    const auto other = fresh_key();
    const uint8_t uses = public_key_use::start_kek_session | public_key_use::establish_host_key;
    trust(0, *owner, uses);
    trust(1, *other, uses);
    rule(host_provisioning::reprovision, 0);
    go_to_work();
    refused([&] { return wrap_host(); }, "stsafe_not_authorized");
    refused([&] { return wrap_host(proof{1, other.get()}); }, "stsafe_not_authorized");
    refused([&] { return agree_host(proof{1, other.get()}); }, "stsafe_not_authorized");
    EXPECT_TRUE(wrap_host(proof{0, owner.get()}));
    ASSERT_TRUE(device.open_host_session(value_of(split_host_keys(bytes(32, 5)))));
    EXPECT_TRUE(device.run(echo{{bytes{1}}}, protection::authenticated));
    // Anew, also in a session that the old key protects: the answer still has its R-MAC.
    auto session = value_of(kek_session::start(device, oid_p256, crypto::system_random(), proof{0, owner.get()}));
    secret_bytes content(bytes(4));
    content.append(bytes(32, 7));
    content.append(host_key_padding);
    EXPECT_TRUE(device.run(write_host_key_wrapped{{session.wrap(content)}}, protection::authenticated));
    EXPECT_EQ(chip.chip().state().host_counter, 0U);
    stsafe::device second = chip.connect();
    EXPECT_TRUE(second.open_host_session(value_of(split_host_keys(bytes(32, 7)))));
    const auto fresh = value_of(agree_host(proof{0, owner.get()}));
    EXPECT_EQ(chip.chip().state().host_counter, 0U);
    stsafe::device again = chip.connect();
    EXPECT_TRUE(again.open_host_session(value_of(split_host_keys(fresh.reveal()))));
    stsafe::device late = chip.connect();
    EXPECT_EQ(name_of_error(late.open_host_session(value_of(split_host_keys(bytes(32, 5))))), "stsafe_wrong_host_key");
}

}  // namespace

}  // namespace berth::keystore::stsafe
