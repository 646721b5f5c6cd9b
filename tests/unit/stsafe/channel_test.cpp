// Frames and the computations of the host channel, against published vectors and values computed apart from this code
// (`openssl mac`, `openssl enc`).
#include "keystore/stsafe/aes.h"
#include "keystore/stsafe/commands/attributes.h"
#include "keystore/stsafe/session.h"
#include "support/stsafe_chip.h"

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::name_of_error;
using test::value_of;

bytes hex(std::string_view text) {
    return value_of(from_hex(text));
}

TEST(StsafeFrame, CrcIsX25) {
    EXPECT_EQ(crc16(as_bytes("123456789")), 0x906e);  // the check value of CRC-16/X-25 (RevEng catalogue)
    EXPECT_EQ(crc16({}), 0x0000);
    EXPECT_EQ(crc16(as_bytes("1234"), as_bytes("56789")), 0x906e);
}

// Frames captured from a chip, as they stand in public discussions of its driver.
TEST(StsafeFrame, CapturedFrames) {
    EXPECT_EQ(to_hex(encode(command_frame{{0x11, {}}, hex("070000")})), "11070000afc1");
    EXPECT_EQ(to_hex(encode(command_frame{{0x14, {}}, hex("07")})), "14078909");
    EXPECT_EQ(to_hex(encode(answer_frame{0, hex("02000100010100")})), "00000902000100010100fc88");
    EXPECT_EQ(to_hex(encode(answer_frame{1, {}})), "010002e1f1");
    const auto answer = value_of(decode_answer(hex("00000902000100010100fc88"), most_frame_a110));
    EXPECT_EQ(answer.outcome(), status::ok);
    const auto table = value_of(wire::decode<envelope_keys_content>(answer.payload));
    EXPECT_EQ(table.count, 2);
    EXPECT_EQ(table.entries.value.size(), 6U);
}

TEST(StsafeFrame, ExtendedCommandsHaveTwoOctets) {
    const command_frame frame{{0xff, 0x0e}, hex("aabb")};
    const auto again = value_of(decode_command(encode(frame), most_frame_a120));
    EXPECT_EQ(again.head.code(), extended_prefix);
    EXPECT_EQ(again.head.extension, std::optional<uint8_t>(0x0e));
    EXPECT_EQ(again.payload, frame.payload);
    EXPECT_EQ(name_of_error(decode_command(encode(command_frame{{0x1f, {}}, {}}), most_frame_a120)), "stsafe_bad_frame");
}

TEST(StsafeFrame, WhatIsNoFrame) {
    const bytes good = encode(command_frame{{0x00, {}}, bytes(most_frame_a110 - 1, 7)});
    EXPECT_TRUE(decode_command(good, most_frame_a110));
    EXPECT_EQ(name_of_error(decode_command(encode(command_frame{{0x00, {}}, bytes(most_frame_a110, 7)}), most_frame_a110)),
              "stsafe_bad_frame")
        << "too long by one";
    for (size_t size = 0; size < 3; ++size) {
        EXPECT_EQ(name_of_error(decode_command(bytes_view(good).first(size), most_frame_a110)), "stsafe_bad_frame") << size;
    }
    for (const size_t size : {size_t{3}, size_t{100}, good.size() - 1}) {
        EXPECT_EQ(name_of_error(decode_command(bytes_view(good).first(size), most_frame_a110)), "stsafe_bad_crc") << size;
    }
    for (size_t bit = 0; bit < 8 * 6; ++bit) {
        bytes damaged = hex("11070000afc1");
        damaged[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
        EXPECT_EQ(name_of_error(decode_command(damaged, most_frame_a110)), "stsafe_bad_crc") << bit;
    }
    EXPECT_EQ(name_of_error(decode_answer(hex("010002e1"), most_frame_a110)), "stsafe_bad_frame");
    EXPECT_EQ(name_of_error(decode_answer(hex("010001e1"), most_frame_a110)), "stsafe_bad_frame") << "shorter than its CRC";
    EXPECT_EQ(name_of_error(decode_answer(hex("01fffee1f1"), most_frame_a110)), "stsafe_bad_frame") << "longer than any";
    EXPECT_EQ(name_of_error(decode_answer(hex("010002e1f100"), most_frame_a110)), "stsafe_bad_frame") << "octets left over";
    EXPECT_EQ(name_of_error(decode_answer(hex("010002e1f0"), most_frame_a110)), "stsafe_bad_crc");
}

// RFC 4493 section 4.
TEST(StsafeAes, Cmac) {
    const bytes key = hex("2b7e151628aed2a6abf7158809cf4f3c");
    const bytes message =
        hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17"
            "ad2b417be66c3710");
    const auto is = [&](size_t size, std::string_view expected) {
        EXPECT_EQ(to_hex(aes::cmac(key, bytes_view(message).first(size))), expected) << size;
    };
    is(0, "bb1d6929e95937287fa37d129b756746");
    is(16, "070a16b46b4d4144f79bdd9dd04a287c");
    is(40, "dfa66747de9ae63030ca32611497c827");
    is(64, "51f0bebf7e3b9d92fc49741779363cfe");
    EXPECT_EQ(to_hex(aes::cmac(key, bytes_view(message).first(16), bytes_view(message).subspan(16, 24))),
              "dfa66747de9ae63030ca32611497c827");
}

// RFC 3394 sections 4.1 and 4.6.
TEST(StsafeAes, KeyWrap) {
    const bytes kek = hex("000102030405060708090a0b0c0d0e0f");
    const bytes data = hex("00112233445566778899aabbccddeeff");
    const auto envelope = aes::wrap(kek, data);
    ASSERT_TRUE(envelope);
    EXPECT_EQ(to_hex(*envelope), "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5");
    const auto again = aes::unwrap(kek, *envelope);
    ASSERT_TRUE(again);
    EXPECT_EQ(to_hex(again->reveal()), to_hex(data));
    const bytes longer = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    EXPECT_EQ(
        to_hex(aes::wrap(longer, hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f")).value_or(bytes{})),
        "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21");
    bytes changed = *envelope;
    changed[3] ^= 1;
    EXPECT_FALSE(aes::unwrap(kek, changed));
    EXPECT_FALSE(aes::wrap(kek, bytes(17)));
    EXPECT_FALSE(aes::wrap(kek, bytes(8)));
    EXPECT_FALSE(aes::unwrap(kek, bytes(16)));
}

TEST(StsafeSession, Macs) {
    const host_keys keys = test::test_host_keys();
    const command_frame read{{0xe5, {}}, hex("000100000004")};
    EXPECT_EQ(to_hex(c_mac(keys, {0x000102, 3}, read)), "60372c33");
    EXPECT_EQ(to_hex(r_mac(keys, {0x000102, 3}, read, 0x00, hex("31323334"))), "48d0d3d4");
    EXPECT_EQ(to_hex(c_mac(keys, {0x00010002, 4}, command_frame{{0xff, 0x00}, hex("aabb")})), "e1f411d4");
    EXPECT_NE(c_mac(keys, {0x000103, 3}, read), c_mac(keys, {0x000102, 3}, read)) << "a message replayed is another message";
}

TEST(StsafeSession, Encryption) {
    const host_keys keys = test::test_host_keys();
    const message_number number{0x000102, 3};
    EXPECT_EQ(to_hex(encrypt(keys, number, direction::command, as_bytes("secret"))), "37056e380dfc034efda6416ac496cb71");
    EXPECT_EQ(to_hex(encrypt(keys, number, direction::answer, as_bytes("secret"))), "0c723e6e1b935d304129ecb7f73fa559");
    for (const size_t size : {0, 1, 15, 16, 17, 480}) {
        bytes clear(size, 0);  // zeros at the end are not taken for padding
        const bytes sealed = encrypt(keys, number, direction::answer, clear);
        EXPECT_EQ(sealed.size(), size / 16 * 16 + 16);
        const auto again = decrypt(keys, number, direction::answer, sealed);
        ASSERT_TRUE(again) << size;
        EXPECT_EQ(to_bytes(again->reveal()), clear);
        // Under another message's initial value it is something else, if anything: that it was changed, the MAC tells.
        const auto other = decrypt(keys, number.next(), direction::answer, sealed);
        EXPECT_TRUE(!other || to_bytes(other->reveal()) != clear) << size;
    }
    EXPECT_EQ(name_of_error(decrypt(keys, number, direction::answer, {})), "stsafe_decryption");
    EXPECT_EQ(name_of_error(decrypt(keys, number, direction::answer, bytes(15))), "stsafe_decryption");
}

TEST(StsafeSession, HostKeysAreTwoHalves) {
    EXPECT_EQ(value_of(split_host_keys(bytes(32))).mac.size(), 16U);
    EXPECT_EQ(value_of(split_host_keys(bytes(64))).cipher.size(), 32U);
    for (const size_t size : {0, 16, 31, 33, 63, 65}) {
        EXPECT_EQ(name_of_error(split_host_keys(bytes(size))), "bad_host_key") << size;
    }
}

TEST(StsafeStatus, EveryRefusalHasAName) {
    for (unsigned octet = 1; octet <= status_mask; ++octet) {
        const error e = to_error(static_cast<status>(octet), "Read");
        EXPECT_TRUE(e.name.starts_with("stsafe_")) << octet;
        EXPECT_NE(e.message.find("Read"), std::string::npos);
        EXPECT_EQ(e.params.size(), 2U);
    }
    EXPECT_EQ(status_name(static_cast<status>(0x0e)), "stsafe_status_0e");
    EXPECT_EQ(status_name(status::counter_limit), "stsafe_counter_limit");
}

TEST(StsafeTables, ReadWhatTheyWrite) {
    const command_table table{3, {{0x05, {}, command_access::free, 0}, {0x1f, 0x02, command_access::host, 3}}};
    EXPECT_EQ(to_hex(encode(table)), "03020501001f020303");
    EXPECT_EQ(to_hex(encode(value_of(parse_command_table(encode(table))))), "03020501001f020303");
    const std::vector<partition> zones{{0, 0, 0x88, 1000, {}}, {5, 1, 0x88, 64, 7U}};
    EXPECT_EQ(to_hex(encode(zones)), "02000088"
                                     "03e8"
                                     "050188"
                                     "0040"
                                     "00000007");
    EXPECT_EQ(value_of(parse_partitions(encode(zones)))[1].counter, std::optional<uint32_t>(7));
    for (const std::string_view wrong : {"", "03", "0301", "030105", "03010501", "0301050100ff", "03011f"}) {
        EXPECT_EQ(name_of_error(parse_command_table(hex(wrong))), "malformed") << wrong;
    }
    for (const std::string_view wrong : {"", "01", "0100008803", "01050188004000", "0000"}) {
        EXPECT_EQ(name_of_error(parse_partitions(hex(wrong))), "malformed") << wrong;
    }
}

TEST(StsafeBus, PacketsAreTransactions) {
    const auto written = bus::decode(bus::encode({.reading = false, .address = 0x20, .octets = hex("0102"), .count = 0}));
    ASSERT_TRUE(written);
    EXPECT_EQ(to_hex(written->octets), "0102");
    const auto read = bus::decode(bus::encode({.reading = true, .address = 0x21, .octets = {}, .count = 300}));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->count, 300U);
    for (const std::string_view wrong : {"", "57", "52", "5220", "522000", "5220ffff", "522000050", "5820"}) {
        EXPECT_FALSE(wrong.size() % 2 == 0 && bus::decode(hex(wrong))) << wrong;
    }
}

}  // namespace

}  // namespace berth::keystore::stsafe
