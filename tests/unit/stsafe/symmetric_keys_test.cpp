// Symmetric key slots, and DeriveKeys from and into them.
#include "crypto/hkdf.h"
#include "keystore/stsafe/commands/basic.h"
#include "keystore/stsafe/commands/derivation.h"
#include "keystore/stsafe/kek.h"
#include "support/stsafe_chip.h"

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::model_chip;
using test::name_of_error;
using test::name_of_run;
using test::value_of;

constexpr auto sha256 = crypto::hash_algorithm::sha256;

class StsafeSymmetricKeys : public testing::Test {
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
    std::vector<symmetric_slot_summary> table() {
        return value_of(parse_symmetric_keys(value_of(device.run(query{attribute::symmetric_keys})).content.value));
    }
    bytes key_in(size_t slot) { return to_bytes(chip.chip().state().symmetric_keys.items[slot].key.value.reveal()); }
    void provision(uint8_t slot, uint8_t flags) {
        const auto content = value_of(wire::encode(put_provisioning_content{slot, {flags, any_public_key, any_public_key}}));
        ASSERT_TRUE(device.run(put_attribute{attribute::symmetric_provisioning, {secret_bytes(content)}}));
    }
    static write_symmetric_key secret_into(uint8_t slot, key_lock lock = key_lock::unlocked, bool to_host = true) {
        return {lock, slot, key_kind::secret(32, to_host), {secret_bytes(bytes(32, 0x5a))}};
    }
    bytes derived(const hkdf_work& work) {
        return to_bytes(value_of(device.run(derive_keys_among_slots{work})).keys.value.reveal());
    }

    model_chip chip;
    stsafe::device device = chip.connect();
};

TEST_F(StsafeSymmetricKeys, AreWrittenListedAndErased) {
    EXPECT_EQ(table().size(), model::symmetric_key_slots);
    ASSERT_TRUE(device.run(secret_into(3, key_lock::erasable)));
    const write_symmetric_key cmac{key_lock::locked,
                                   1,
                                   {symmetric_type::aes128, symmetric_mode::cmac, symmetric_use::mac_generation, {4, 0}},
                                   {secret_bytes(bytes(16, 7))}};
    // lock, slot, type, mode, 00, usage, least MAC, key
    EXPECT_EQ(to_hex(value_of(wire::encode(cmac))), "01010001000204" + to_hex(bytes(16, 7)));
    ASSERT_TRUE(device.run(cmac));
    const auto all = table();
    EXPECT_FALSE(all[0].present);
    EXPECT_TRUE(all[1].present);
    EXPECT_EQ(all[1].lock, key_lock::locked);
    EXPECT_EQ(all[1].kind.mode, symmetric_mode::cmac);
    EXPECT_EQ(all[1].kind.parameters[0], 4);
    EXPECT_EQ(all[3].kind.usage, symmetric_use::derive);
    EXPECT_EQ(to_hex(key_in(3)), to_hex(bytes(32, 0x5a)));
    refused_command(secret_into(1), "stsafe_not_authorized");
    refused_command(secret_into(3), "stsafe_not_authorized");
    refused_command(erase_symmetric_key{1}, "stsafe_not_authorized");
    ASSERT_TRUE(device.run(erase_symmetric_key{3}));
    EXPECT_TRUE(key_in(3).empty());
    refused_command(erase_symmetric_key{3}, "stsafe_key_not_found");
    refused_command(erase_symmetric_key{99}, "stsafe_out_of_range");
    ASSERT_TRUE(device.run(secret_into(3)));
    ASSERT_TRUE(device.run(secret_into(3))) << "unlocked";

    auto wrong = secret_into(2);
    wrong.key.value.resize(31);
    refused_command(wrong, "stsafe_inconsistent_data");
    wrong.kind.mode = symmetric_mode::ccm;
    refused_command(wrong, "stsafe_out_of_range");
    wrong = secret_into(99);
    refused_command(wrong, "stsafe_out_of_range");
    provision(2, provisioning::derived);
    refused_command(secret_into(2), "stsafe_not_authorized");
    const auto told = value_of(device.run(query_provisioning{attribute::symmetric_provisioning, 2})).content.value;
    EXPECT_EQ(to_hex(told), "20ffff");
    refused(
        [&] { return device.run(put_attribute{attribute::symmetric_provisioning, {secret_bytes(bytes{2, 0x3f, 0xff, 0xff})}}); },
        "stsafe_not_authorized");
    EXPECT_EQ(name_of_error(parse_symmetric_keys(bytes{2, 0})), "malformed");
    EXPECT_EQ(name_of_error(parse_symmetric_keys(bytes{1, 0, 0})), "malformed");

    model_chip old("a110", {.kind = model::product::a110});
    stsafe::device a110 = old.connect();
    EXPECT_EQ(name_of_run(a110, secret_into(0)), "stsafe_unsupported");
    EXPECT_EQ(name_of_run(a110, query{attribute::symmetric_keys}), "stsafe_entry_not_found");
}

TEST_F(StsafeSymmetricKeys, TravelWrapped) {
    auto session = value_of(kek_session::start(device, oid_p256, crypto::system_random()));
    refused([&] { return device.run(write_symmetric_key_wrapped{{session.wrap(secret_bytes(bytes(40)))}}); },
            "stsafe_inconsistent_data");
    ASSERT_TRUE(write_symmetric_key_in(session, device, secret_into(5)));
    EXPECT_EQ(to_hex(key_in(5)), to_hex(bytes(32, 0x5a)));
    const write_symmetric_key ecb{key_lock::unlocked,
                                  6,
                                  {symmetric_type::aes256, symmetric_mode::ecb, symmetric_use::encryption, {}},
                                  {secret_bytes(bytes(32))}};
    ASSERT_TRUE(write_symmetric_key_in(session, device, ecb)) << "a key of zeros, before which the padding begins";
    EXPECT_EQ(to_hex(key_in(6)), to_hex(bytes(32)));
    provision(4, provisioning::all & ~provisioning::wrapped_anonymous);
    refused([&] { return write_symmetric_key_in(session, device, secret_into(4)); }, "stsafe_not_authorized");
    ASSERT_TRUE(device.run(reset{}));
    refused([&] { return write_symmetric_key_in(session, device, secret_into(7)); }, "stsafe_session");
}

// RFC 5869, test case 1, with its pseudorandom key in a slot.
TEST_F(StsafeSymmetricKeys, AreDerivedFromAndInto) {
    hkdf_work extract;
    extract.key = hkdf_source::of(secret_bytes(bytes(22, 0x0b)));
    extract.flags = hkdf_extract_flag;
    extract.salt = hkdf_source::of(secret_bytes(value_of(from_hex("000102030405060708090a0b0c"))));
    ASSERT_EQ(derived(extract), bytes{0}) << "the number of the slot";
    EXPECT_EQ(to_hex(key_in(0)), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    hkdf_work expand;
    expand.key = hkdf_source::in(0);
    expand.flags = hkdf_expand_flag;
    expand.info = value_of(from_hex("f0f1f2f3f4f5f6f7f8f9"));
    expand.wanted = {hkdf_wanted::octets(42)};
    const bytes okm = value_of(from_hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));
    EXPECT_EQ(to_hex(derived(expand)), to_hex(okm));
    // One output: octets, a key in a slot, octets.
    const key_kind aes{symmetric_type::aes128, symmetric_mode::ecb, symmetric_use::encryption, {}};
    expand.wanted = {hkdf_wanted::octets(10), hkdf_wanted::into_slot(aes, key_lock::locked), hkdf_wanted::octets(16)};
    const bytes given = derived(expand);
    EXPECT_EQ(to_hex(given), to_hex(concat({bytes_view(okm).first(10), bytes{1}, bytes_view(okm).subspan(26)})));
    EXPECT_EQ(to_hex(key_in(1)), to_hex(bytes_view(okm).subspan(10, 16)));
    EXPECT_EQ(table()[1].lock, key_lock::locked);
    // The salt in a slot.
    ASSERT_TRUE(device.run(secret_into(2)));
    hkdf_work salted = extract;
    salted.salt = hkdf_source::in(2);
    EXPECT_EQ(derived(salted), bytes{3});
    const auto expected = crypto::hkdf_extract(sha256, bytes(32, 0x5a), bytes(22, 0x0b));
    EXPECT_EQ(to_hex(key_in(3)), to_hex(expected.reveal()));
}

TEST_F(StsafeSymmetricKeys, WhatMayNotBeDerivedIsNot) {
    ASSERT_TRUE(device.run(secret_into(0, key_lock::locked, false)));
    ASSERT_TRUE(device.run(write_symmetric_key{key_lock::locked,
                                               1,
                                               {symmetric_type::aes128, symmetric_mode::ecb, symmetric_use::encryption, {}},
                                               {secret_bytes(bytes(16))}}));
    auto no_derive = secret_into(2, key_lock::locked);
    no_derive.kind.usage = 0;
    ASSERT_TRUE(device.run(no_derive));
    hkdf_work work;
    work.key = hkdf_source::in(0);
    work.salt = hkdf_source::of({});
    work.wanted = {hkdf_wanted::octets(16)};
    const auto run = [&](std::string_view name) { refused_command(derive_keys_among_slots{work}, name); };
    run("stsafe_key_usage");  // not for the host
    work.key = hkdf_source::in(1);
    run("stsafe_wrong_key_type");
    work.key = hkdf_source::in(2);
    run("stsafe_key_usage");
    work.key = hkdf_source::in(7);
    run("stsafe_key_not_found");
    work.key = hkdf_source::in(99);
    run("stsafe_out_of_range");
    work.key = hkdf_source::in(0);
    work.salt = hkdf_source::in(7);
    run("stsafe_key_not_found");
    work.salt = hkdf_source::of({});
    work.wanted.clear();
    run("stsafe_inconsistent_data");
    const auto into = hkdf_wanted::into_slot(key_kind::secret(16, false));
    work.wanted.assign(33, into);
    run("stsafe_out_of_range");
    work.wanted.assign(6, into);
    run("stsafe_boundary");  // five are left, and none of them is filled
    work.wanted.assign(5, into);
    EXPECT_EQ(to_hex(derived(work)), "0304050607");
    // Unlocked ones make room; those that take no derived keys do not.
    provision(3, provisioning::all & ~provisioning::derived);
    work.wanted.assign(1, into);
    EXPECT_EQ(to_hex(derived(work)), "04");
    // What was derived from a key that is not for the host is not, either, when it is extracted alone.
    hkdf_work extract;
    extract.key = hkdf_source::in(0);
    extract.flags = hkdf_extract_flag;
    extract.salt = hkdf_source::of({});
    ASSERT_EQ(derived(extract), bytes{4});
    work.key = hkdf_source::in(4);
    work.flags = hkdf_expand_flag;
    work.wanted = {hkdf_wanted::octets(16)};
    run("stsafe_key_usage");
    work.wanted = {hkdf_wanted::into_slot({symmetric_type::generic, symmetric_mode::ccm, 0, {}})};
    run("stsafe_out_of_range");
}

}  // namespace

}  // namespace berth::keystore::stsafe
