// What keys in symmetric key slots do: ECB, CCM*, GCM, whole and in pieces, and MACs.
#include "crypto/hash.h"
#include "keystore/stsafe/commands/basic.h"
#include "keystore/stsafe/slot_key.h"
#include "support/stsafe_chip.h"

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::model_chip;
using test::name_of_error;
using test::name_of_run;
using test::value_of;

constexpr uint8_t sealing = symmetric_use::encryption | symmetric_use::decryption;
constexpr uint8_t pieces = symmetric_use::chunks_encryption | symmetric_use::chunks_decryption;
constexpr uint8_t macs = symmetric_use::mac_generation | symmetric_use::mac_verification;

bytes counting(size_t size, unsigned first = 0, unsigned step = 1) {
    bytes out(size);
    for (size_t i = 0; i < size; ++i) {
        out[i] = static_cast<uint8_t>(first + i * step);
    }
    return out;
}

bytes hex(std::string_view digits) {
    return value_of(from_hex(digits));
}

class StsafeSlotKey : public testing::Test {
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
    slot_key put(uint8_t slot, const key_kind& kind, bytes_view key) {
        EXPECT_TRUE(device.run(write_symmetric_key{key_lock::unlocked, slot, kind, {secret_bytes(key)}}));
        return value_of(slot_key::find(device, slot));
    }
    slot_key ccm(uint8_t slot, std::array<uint8_t, 2> parameters, uint8_t usage = sealing | pieces) {
        return put(slot, {symmetric_type::aes128, symmetric_mode::ccm, usage, parameters}, counting(16, 0xc0));
    }
    slot_key gcm(uint8_t slot, uint8_t tag = 16, uint8_t usage = sealing | pieces) {
        return put(slot, {symmetric_type::aes128, symmetric_mode::gcm, usage, {tag, 0}}, hex("feffe9928665731c6d6a8f9467308308"));
    }
    // Every beginning of the command's octets is refused, and the chip remembers what it did before.
    template <command C>
    void truncations_refused(const C& c, size_t least = 0) {
        const bytes whole = value_of(wire::encode(c));
        const bytes before = chip.memory();
        for (size_t size = least; size < whole.size(); ++size) {
            ASSERT_TRUE(chip.chip().write(
                encode(command_frame{{C::about.code, C::about.extension}, to_bytes(bytes_view(whole).first(size))})));
            const auto answer = chip.chip().read(least_answer_size);
            ASSERT_TRUE(answer);
            EXPECT_NE((*answer)[0] & status_mask, 0) << C::about.name << " of " << size << " octets";
        }
        EXPECT_EQ(chip.memory(), before);
    }

    model_chip chip;
    stsafe::device device = chip.connect();
};

const bytes gcm_nonce = hex("cafebabefacedbaddecaf888");
const bytes gcm_associated = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
const bytes gcm_message = hex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
const std::string gcm_octets =
    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091";
const bytes ccm_nonce = hex("00000003020100a0a1a2a3a4a5");

// FIPS 197, appendix C.
TEST_F(StsafeSlotKey, EncryptsBlocks) {
    const bytes clear = hex("00112233445566778899aabbccddeeff");
    for (const size_t size : {16U, 32U}) {
        auto key = put(0, {size == 16 ? symmetric_type::aes128 : symmetric_type::aes256, symmetric_mode::ecb, sealing, {}},
                       counting(size));
        const auto out = value_of(key.encrypt_blocks(secret_bytes(clear)));
        EXPECT_EQ(to_hex(out), size == 16 ? "69c4e0d86a7b0430d8cdb78070b4c55a" : "8ea2b7ca516745bfeafc49904b496089");
        EXPECT_EQ(to_hex(value_of(key.decrypt_blocks(out)).reveal()), to_hex(clear));
    }
    // 02, slot, blocks
    EXPECT_EQ(to_hex(value_of(wire::encode(encrypt_ecb{by_slot, 0, {secret_bytes(clear)}}))), "0200" + to_hex(clear));
    refused_command(encrypt_ecb{by_slot, 0, {secret_bytes(bytes(15))}}, "stsafe_inconsistent_data");
    refused_command(decrypt_ecb{by_slot, 0, {}}, "stsafe_inconsistent_data");
    refused_command(encrypt_ecb{1, 0, {secret_bytes(clear)}}, "stsafe_out_of_range");
    refused_command(decrypt_ecb{1, 0, {clear}}, "stsafe_out_of_range");
    refused_command(encrypt_ecb{by_slot, 1, {secret_bytes(clear)}}, "stsafe_key_not_found");
    refused_command(encrypt_ecb{by_slot, 99, {secret_bytes(clear)}}, "stsafe_out_of_range");
    refused([&] { return slot_key::find(device, 1); }, "stsafe_key_not_found");
    refused([&] { return slot_key::find(device, 99); }, "stsafe_out_of_range");
    auto key = value_of(slot_key::find(device, 0));
    refused([&] { return key.encrypt_blocks(secret_bytes(size_t{512})); }, "too_large_for_element");
    refused([&] { return key.seal(gcm_nonce, {}, {}); }, "stsafe_mode");
    refused([&] { return key.mac({}, 16); }, "stsafe_mode");
    refused_command(start_encrypt_gcm{0, lengthy(bytes_view(gcm_nonce)), {}, {}}, "stsafe_key_usage");
}

// RFC 3610, packet vector 1; and what the frames look like.
TEST_F(StsafeSlotKey, SealsWithCcm) {
    auto key = ccm(2, {8, 0});
    const secret_bytes message(counting(23, 8));
    auto out = value_of(key.seal(ccm_nonce, counting(8), message));
    EXPECT_EQ(to_hex(out.octets), "588c979a61c663d2f066d0c2c0f989806d5f6b61dac384");
    EXPECT_EQ(to_hex(out.tag), "17e8d12cfdf926e0");
    EXPECT_FALSE(out.counter);
    EXPECT_EQ(to_hex(value_of(key.open(out, counting(8))).reveal()), to_hex(message.reveal()));
    const encrypt_ccm command{
        by_slot, 2, to_array<ccm_nonce_size>(ccm_nonce), lengthy(bytes{1, 2}), {secret_bytes(bytes{3, 4, 5})}};
    EXPECT_EQ(to_hex(value_of(wire::encode(command))), "0202" + to_hex(ccm_nonce) + "000201020003030405");
    truncations_refused(command);
    truncations_refused(decrypt_ccm{by_slot, 2, command.nonce, {}, lengthy(concat({out.octets, out.tag}))});
    // Nothing but associated data, nothing but a message, nothing.
    for (const size_t associated : {0U, 9U}) {
        for (const size_t size : {0U, 1U, 16U, 300U}) {
            const auto made = value_of(key.seal(ccm_nonce, counting(associated), secret_bytes(counting(size))));
            EXPECT_EQ(to_hex(value_of(key.open(made, counting(associated))).reveal()), to_hex(counting(size)));
        }
    }
    refused([&] { return key.open(out, counting(9)); }, "stsafe_not_authentic");
    out.octets[0] ^= 1;
    refused([&] { return key.open(out, counting(8)); }, "stsafe_not_authentic");
    const auto told = value_of(device.run(decrypt_ccm{by_slot, 2, command.nonce, {}, lengthy(concat({out.octets, out.tag}))}));
    EXPECT_EQ(told.valid, 0);
    EXPECT_TRUE(told.message.value.empty()) << "what was not found right is not told";
    out.tag.pop_back();
    refused([&] { return key.open(out, counting(8)); }, "stsafe_not_authentic");
    refused([&] { return key.seal(counting(12), {}, message); }, "bad_nonce");
    refused([&] { return key.seal(ccm_nonce, {}, secret_bytes(size_t{500})); }, "too_large_for_element");
    // CCM*: no tag at all.
    auto bare = ccm(3, {0, 0});
    const auto unsealed = value_of(bare.seal(ccm_nonce, counting(8), message));
    EXPECT_TRUE(unsealed.tag.empty());
    EXPECT_EQ(to_hex(unsealed.octets), "588c979a61c663d2f066d0c2c0f989806d5f6b61dac384");
    EXPECT_EQ(to_hex(value_of(bare.open(unsealed, counting(8))).reveal()), to_hex(message.reveal()));
}

TEST_F(StsafeSlotKey, CountsItsNonces) {
    auto key = ccm(2, {8, 0x89});
    EXPECT_EQ(value_of(key.seal(ccm_nonce, {}, secret_bytes(bytes{9}))).counter, 0U);
    const bytes text = to_bytes(as_bytes("abc"));
    const auto out = value_of(key.seal(ccm_nonce, {}, secret_bytes(text)));
    EXPECT_EQ(out.counter, 1U);
    EXPECT_EQ(to_hex(out.nonce), "00000003020100a0a100000001");
    // By another implementation, with that nonce.
    EXPECT_EQ(to_hex(concat({out.octets, out.tag})), "52996e7626da3a19e086d0");
    EXPECT_EQ(to_hex(value_of(key.open(out, {})).reveal()), to_hex(text));
    EXPECT_EQ(value_of(key.seal_in_pieces(ccm_nonce, {}, secret_bytes(text))).counter, 2U);
    const auto table = value_of(parse_symmetric_keys(value_of(device.run(query{attribute::symmetric_keys})).content.value));
    EXPECT_EQ(table[2].counter, 3U);
    EXPECT_EQ(to_hex(encode(table)), to_hex(value_of(device.run(query{attribute::symmetric_keys})).content.value));
    // It does not go round.
    auto state = *value_of(chip.store.load());
    state.symmetric_keys.items[2].counter = 0xffffffff;
    ASSERT_TRUE(chip.store.save(state));
    test::named_random random("later");
    auto later = value_of(model::chip::power_on(chip.store, random));
    stsafe::device again(std::make_unique<model::direct_bus>(later));
    auto last = value_of(slot_key::find(again, 2));
    EXPECT_EQ(name_of_error(last.seal(ccm_nonce, {}, {})), "stsafe_counter_limit");
    EXPECT_EQ(to_hex(value_of(last.open(out, {})).reveal()), to_hex(text));
    const auto kind = [](std::array<uint8_t, 2> parameters) {
        return write_symmetric_key{key_lock::unlocked,
                                   5,
                                   {symmetric_type::aes128, symmetric_mode::ccm, sealing, parameters},
                                   {secret_bytes(size_t{16})}};
    };
    refused_command(kind({8, 0x8a}), "stsafe_out_of_range");
    refused_command(kind({6, 0}), "stsafe_out_of_range");
}

// McGrew and Viega, test case 4; the tag of GMAC by another implementation.
TEST_F(StsafeSlotKey, SealsWithGcm) {
    auto key = gcm(1);
    auto out = value_of(key.seal(gcm_nonce, gcm_associated, secret_bytes(gcm_message)));
    EXPECT_EQ(to_hex(out.octets), gcm_octets);
    EXPECT_EQ(to_hex(out.tag), "5bc94fbc3221a5db94fae95ae7121a47");
    EXPECT_EQ(to_hex(value_of(key.open(out, gcm_associated)).reveal()), to_hex(gcm_message));
    const encrypt_gcm command{by_slot, 1, lengthy(bytes{7}), lengthy(bytes{1, 2}), {secret_bytes(bytes{3, 4, 5})}};
    EXPECT_EQ(to_hex(value_of(wire::encode(command))), "020100010700020102"
                                                       "0003030405");
    truncations_refused(command);
    truncations_refused(decrypt_gcm{by_slot, 1, lengthy(bytes_view(gcm_nonce)), {}, lengthy(bytes_view(out.octets)), {out.tag}});
    const auto gmac = value_of(key.seal(gcm_nonce, gcm_associated, {}));
    EXPECT_EQ(to_hex(gmac.tag), "346434fd51d5cd0c5887ec63e39b907a");
    EXPECT_TRUE(key.open(gmac, gcm_associated));
    refused([&] { return key.open(gmac, gcm_message); }, "stsafe_not_authentic");
    out.tag[15] ^= 1;
    refused([&] { return key.open(out, gcm_associated); }, "stsafe_not_authentic");
    refused_command(encrypt_gcm{by_slot, 1, {}, {}, {}}, "stsafe_out_of_range");
    refused_command(decrypt_gcm{by_slot, 1, lengthy(bytes{7}), {}, {}, {bytes(15)}}, "stsafe_out_of_range");
    auto cut = gcm(4, 12);
    EXPECT_EQ(to_hex(value_of(cut.seal(gcm_nonce, gcm_associated, secret_bytes(gcm_message))).tag), "5bc94fbc3221a5db94fae95a");
    refused_command(
        write_symmetric_key{
            key_lock::unlocked, 5, {symmetric_type::aes128, symmetric_mode::gcm, sealing, {5, 0}}, {secret_bytes(size_t{16})}},
        "stsafe_out_of_range");
}

TEST_F(StsafeSlotKey, SealsInPieces) {
    // SP 800-38C, example 1: a nonce of seven octets.
    auto small = put(0, {symmetric_type::aes128, symmetric_mode::ccm, pieces, {4, 0}}, counting(16, 0x40));
    const auto example = value_of(small.seal_in_pieces(counting(7, 0x10), counting(8), secret_bytes(counting(4, 0x20))));
    EXPECT_EQ(to_hex(concat({example.octets, example.tag})), "7162015b4dac255d");
    EXPECT_EQ(to_hex(value_of(small.open_in_pieces(example, counting(8))).reveal()), "20212223");
    // Associated data whose length takes six octets; by another implementation.
    auto large = ccm(2, {8, 0});
    const bytes associated = counting(65300);
    const bytes message = counting(1000, 0, 7);
    auto out = value_of(large.seal_in_pieces(bytes(13), associated, secret_bytes(message)));
    EXPECT_EQ(to_hex(crypto::hash(crypto::hash_algorithm::sha256, out.octets).view()),
              "7f8021db67f038f816bfdc2419e97da5fcffdbdca0c542210df5b4c378d3af47");
    EXPECT_EQ(to_hex(out.tag), "1a7403a57fba231a");
    EXPECT_EQ(to_hex(value_of(large.open_in_pieces(out, associated)).reveal()), to_hex(message));
    out.octets[999] ^= 1;
    refused([&] { return large.open_in_pieces(out, associated); }, "stsafe_not_authentic");
    refused([&] { return large.seal_in_pieces(bytes(13), bytes(65536), {}); }, "too_large_for_element");
    refused([&] { return large.seal_in_pieces(bytes(6), {}, {}); }, "stsafe_out_of_range");
    refused([&] { return large.seal_in_pieces(bytes(14), {}, {}); }, "stsafe_out_of_range");
    // GCM in pieces is GCM.
    auto other = gcm(1);
    const auto sealed = value_of(other.seal_in_pieces(gcm_nonce, gcm_associated, secret_bytes(gcm_message)));
    EXPECT_EQ(to_hex(sealed.octets), gcm_octets);
    EXPECT_EQ(to_hex(sealed.tag), "5bc94fbc3221a5db94fae95ae7121a47");
    EXPECT_TRUE(other.open(sealed, gcm_associated));
    EXPECT_EQ(to_hex(value_of(other.open_in_pieces(sealed, gcm_associated)).reveal()), to_hex(gcm_message));
    refused([&] { return other.open_in_pieces(sealed, {}); }, "stsafe_not_authentic");
    const auto longer = value_of(other.seal_in_pieces(gcm_nonce, {}, secret_bytes(message)));
    EXPECT_EQ(to_hex(value_of(other.open_in_pieces(longer, {})).reveal()), to_hex(message));
}

TEST_F(StsafeSlotKey, PiecesComeInOrder) {
    refused_command(process_encrypt{{}, {}}, "stsafe_session");
    refused_command(finish_encrypt{{}, {}}, "stsafe_session");
    refused_command(process_decrypt{{}, {}}, "stsafe_session");
    refused_command(finish_decrypt{{}, {}, {}}, "stsafe_session");
    ASSERT_NO_FATAL_FAILURE(ccm(2, {8, 0}));
    ASSERT_NO_FATAL_FAILURE(gcm(1));
    const start_encrypt_ccm ccm_start{2, lengthy(bytes_view(ccm_nonce)), 2, 3, lengthy(bytes{1}), {}};
    EXPECT_EQ(to_hex(value_of(wire::encode(ccm_start))), "02000d" + to_hex(ccm_nonce) + "0002000000030001010000");
    truncations_refused(ccm_start);
    const start_encrypt_gcm gcm_start{1, lengthy(bytes{7}), {}, {secret_bytes(bytes{1})}};
    truncations_refused(gcm_start);
    // More, or less, than was told; a message before the associated data is there.
    ASSERT_TRUE(device.run(ccm_start));
    refused_command(process_encrypt{{}, {secret_bytes(bytes{1})}}, "stsafe_out_of_range");
    refused_command(process_encrypt{lengthy(bytes{1}), {}}, "stsafe_session");
    ASSERT_TRUE(device.run(ccm_start));
    refused_command(process_encrypt{lengthy(bytes{1, 2}), {}}, "stsafe_out_of_range");
    ASSERT_TRUE(device.run(ccm_start));
    refused_command(finish_encrypt{lengthy(bytes{1}), {secret_bytes(bytes{1, 2})}}, "stsafe_out_of_range");
    ASSERT_TRUE(device.run(ccm_start));
    truncations_refused(process_encrypt{lengthy(bytes{1}), {secret_bytes(bytes{1, 2})}});
    EXPECT_TRUE(device.run(finish_encrypt{lengthy(bytes{1}), {secret_bytes(bytes{1, 2, 3})}}))
        << "a frame that is none ends nothing";
    ASSERT_TRUE(device.run(gcm_start));
    refused_command(process_encrypt{lengthy(bytes{1}), {}}, "stsafe_out_of_range");
    // One way is not the other; a reset ends it.
    ASSERT_TRUE(device.run(gcm_start));
    refused_command(process_decrypt{{}, {}}, "stsafe_session");
    ASSERT_TRUE(device.run(reset{}));
    refused_command(finish_encrypt{{}, {}}, "stsafe_session");
}

TEST_F(StsafeSlotKey, OnlyWithTheRight) {
    ASSERT_NO_FATAL_FAILURE(gcm(0, 16, symmetric_use::encryption));
    ASSERT_NO_FATAL_FAILURE(gcm(1, 16, symmetric_use::decryption));
    ASSERT_NO_FATAL_FAILURE(gcm(2, 16, symmetric_use::chunks_encryption));
    ASSERT_NO_FATAL_FAILURE(gcm(3, 16, symmetric_use::chunks_decryption));
    const lengthy nonce(bytes{7});
    for (uint8_t slot = 0; slot < 4; ++slot) {
        const auto either = [&](uint8_t right, auto command) {
            if (slot == right) {
                EXPECT_TRUE(device.run(command)) << int{slot};
            } else {
                refused_command(command, "stsafe_key_usage");
            }
        };
        either(0, encrypt_gcm{by_slot, slot, nonce, {}, {}});
        either(1, decrypt_gcm{by_slot, slot, nonce, {}, {}, {bytes(16)}});
        either(2, start_encrypt_gcm{slot, nonce, {}, {}});
        either(3, start_decrypt_gcm{slot, nonce, {}, {}});
    }
    const auto cmac = [&](uint8_t slot, uint8_t usage) {
        return put(slot, {symmetric_type::aes128, symmetric_mode::cmac, usage, {4, 0}}, counting(16));
    };
    auto makes = cmac(4, symmetric_use::mac_generation);
    auto verifies = cmac(5, symmetric_use::mac_verification);
    refused([&] { return makes.verify_mac({}, bytes(16)); }, "stsafe_key_usage");
    refused([&] { return verifies.mac({}, 16); }, "stsafe_key_usage");
    EXPECT_TRUE(verifies.verify_mac(gcm_message, value_of(makes.mac(gcm_message, 8))));
    // The right, and yet another mode.
    ASSERT_NO_FATAL_FAILURE(cmac(6, sealing | pieces));
    refused_command(encrypt_gcm{by_slot, 6, nonce, {}, {}}, "stsafe_mode");
    refused_command(decrypt_gcm{by_slot, 6, nonce, {}, {}, {bytes(16)}}, "stsafe_mode");
    refused_command(start_encrypt_gcm{6, nonce, {}, {}}, "stsafe_mode");
    refused_command(start_decrypt_gcm{6, nonce, {}, {}}, "stsafe_mode");
    ASSERT_NO_FATAL_FAILURE(gcm(7, 16, macs));
    refused_command(generate_mac{mac_by_slot, 7, 16, {}}, "stsafe_mode");
    refused_command(verify_mac{by_slot, 7, wire::opaque<0, 255>(bytes(16)), {}}, "stsafe_mode");
}

// RFC 4493, example 2; RFC 4231, test case 1.
TEST_F(StsafeSlotKey, MakesAndVerifiesMacs) {
    auto cmac = put(0, {symmetric_type::aes128, symmetric_mode::cmac, macs, {4, 0}}, hex("2b7e151628aed2a6abf7158809cf4f3c"));
    const bytes message = hex("6bc1bee22e409f96e93d7e117393172a");
    for (uint8_t size = 2; size <= 16; size = static_cast<uint8_t>(size * 2)) {
        EXPECT_EQ(to_hex(value_of(cmac.mac(message, size))),
                  std::string("070a16b46b4d4144f79bdd9dd04a287c").substr(0, size * 2U));
    }
    const bytes made = hex("070a16b46b4d4144");
    EXPECT_TRUE(cmac.verify_mac(message, made));
    refused([&] { return cmac.verify_mac(gcm_message, made); }, "stsafe_not_authentic");
    refused([&] { return cmac.verify_mac(message, hex("070a")); }, "stsafe_mac_length");  // less than the key's least
    refused([&] { return cmac.mac(message, 5); }, "stsafe_mac_length");
    refused([&] { return cmac.mac(bytes(500), 16); }, "too_large_for_element");
    EXPECT_EQ(to_hex(value_of(wire::encode(generate_mac{mac_by_slot, 0, 8, {bytes{1}}}))), "03000801");
    EXPECT_EQ(to_hex(value_of(wire::encode(verify_mac{by_slot, 0, wire::opaque<0, 255>(bytes{5, 6}), {bytes{1}}}))),
              "020002050601");
    truncations_refused(verify_mac{by_slot, 0, wire::opaque<0, 255>(made), {}});
    refused_command(generate_mac{by_slot, 0, 16, {}}, "stsafe_out_of_range");
    refused_command(verify_mac{mac_by_slot, 0, {}, {}}, "stsafe_out_of_range");

    auto hmac = put(1, {symmetric_type::generic, symmetric_mode::hmac, macs, {16, 20}}, bytes(20, 0x0b));
    const bytes hello = to_bytes(as_bytes("Hi There"));
    const auto whole = value_of(slot_key(device, 1, hmac.kind()).mac(hello, 32));
    EXPECT_EQ(to_hex(whole), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_TRUE(hmac.verify_mac(hello, whole));
    EXPECT_TRUE(hmac.verify_mac(hello, bytes_view(whole).first(16)));
    refused([&] { return hmac.mac(hello, 8); }, "stsafe_mac_length");
    refused([&] { return hmac.mac(hello, 33); }, "stsafe_mac_length");
}

TEST_F(StsafeSlotKey, AnA110HasNone) {
    model_chip old("a110", {.kind = model::product::a110});
    stsafe::device a110 = old.connect();
    EXPECT_EQ(name_of_run(a110, encrypt_ecb{by_slot, 0, {secret_bytes(size_t{16})}}), "stsafe_unsupported");
    EXPECT_EQ(name_of_run(a110, decrypt_ecb{by_slot, 0, {bytes(16)}}), "stsafe_unsupported");
    EXPECT_EQ(name_of_run(a110, generate_mac{}), "stsafe_unsupported");
    EXPECT_EQ(name_of_run(a110, verify_mac{}), "stsafe_unsupported");
    EXPECT_EQ(name_of_run(a110, start_encrypt_ccm{}), "stsafe_unsupported");
    EXPECT_EQ(name_of_run(a110, process_encrypt{}), "stsafe_unsupported");
    EXPECT_EQ(name_of_run(a110, finish_encrypt{}), "stsafe_unsupported");
    EXPECT_EQ(name_of_run(a110, start_decrypt_ccm{}), "stsafe_unsupported");
    EXPECT_EQ(name_of_run(a110, process_decrypt{}), "stsafe_unsupported");
    EXPECT_EQ(name_of_run(a110, finish_decrypt{}), "stsafe_unsupported");
    EXPECT_EQ(name_of_error(slot_key::find(a110, 0)), "stsafe_entry_not_found");
}

// With the channel, whose MACs and padding take room too.
TEST_F(StsafeSlotKey, InAHostSession) {
    auto key = gcm(1);
    ASSERT_TRUE(device.run(put_attribute{attribute::host_key, {secret_bytes(test::host_key_octets)}}));
    ASSERT_TRUE(device.run(
        put_attribute{attribute::command_encryption, {secret_bytes(bytes{0x1b, 3, 0x1c, 3, 0x1f, 0x12, 3, 0x1f, 0x15, 3})}}));
    ASSERT_TRUE(device.open_host_session(test::test_host_keys()));
    const auto whole = value_of(key.seal(gcm_nonce, {}, secret_bytes(counting(400))));
    EXPECT_EQ(to_hex(value_of(key.open(whole, {})).reveal()), to_hex(counting(400)));
    const auto longer = value_of(key.seal_in_pieces(gcm_nonce, counting(500), secret_bytes(counting(800))));
    EXPECT_EQ(to_hex(value_of(key.open_in_pieces(longer, counting(500))).reveal()), to_hex(counting(800)));
    stsafe::device stranger = chip.connect();
    EXPECT_EQ(name_of_run(stranger, encrypt_gcm{by_slot, 1, lengthy(bytes{7}), {}, {}}), "stsafe_not_authorized");
}

}  // namespace

}  // namespace berth::keystore::stsafe
