#include "jose_keys.h"

#include "crypto/cbc_hmac.h"
#include "crypto/key_wrap.h"
#include "jose/content.h"
#include "jose/jwe.h"

namespace berth::jose {
namespace {

using test::name_of;
using test::new_jwk;
using test::new_opener;
using test::part_of;
using test::with_part;

const bytes_view reading = as_bytes("reading");

TEST(Jwe, WhatIsSealedIsOpened) {
    test::named_random random("jwe");
    for (const auto alg : all_key_algs) {
        for (const auto enc : all_content_algs) {
            for (const auto group :
                 {crypto::agreement_group::p256, crypto::agreement_group::p384, crypto::agreement_group::x25519}) {
                const auto key = read_opening_key(new_jwk(jose::name_of(alg), enc, group)).value();
                for (const size_t size : {size_t{0}, size_t{1}, size_t{16}, size_t{1024}}) {
                    const bytes plaintext(size, 0x61);
                    const auto token = seal(key.pub, plaintext, {{"cty", "x"}}, as_bytes("info"), random);
                    ASSERT_TRUE(token);
                    const auto back = open(key, *token, as_bytes("info"));
                    ASSERT_TRUE(back) << jose::name_of(alg) << " " << jose::name_of(enc) << ": " << back.error().message;
                    EXPECT_EQ(back->plaintext, plaintext);
                    EXPECT_EQ(back->head.cty, "x");
                    EXPECT_EQ(name_of(open(key, *token, as_bytes("other"))), is_hpke(alg) ? "decryption_failed" : "accepted");
                }
            }
        }
    }
}

// Each part, changed in one bit, cut, or emptied.
TEST(Jwe, WhatWasChangedIsNotOpened) {
    test::named_random random("jwe changed");
    for (const auto alg : all_key_algs) {
        const auto key = new_opener(jose::name_of(alg));
        const auto token = seal(key.pub, reading, {}, {}, random).value();
        for (size_t which = 1; which < 5; ++which) {
            const bytes part = wire::from_base64url(part_of(token, which)).value();
            std::vector<bytes> others{concat({part, bytes(1)}), concat({part, bytes(8)})};
            for (size_t i = 0; i < part.size(); i += std::max<size_t>(1, part.size() / 16)) {
                others.push_back(part);
                others.back()[i] ^= 1;
                others.push_back(to_bytes(bytes_view(part).first(i)));
            }
            for (const auto& other : others) {
                const auto got = name_of(open(key, with_part(token, which, wire::base64url(other)), {}));
                const bool empty_by_rule = is_hpke(alg) && (which == 2 || which == 4);
                EXPECT_EQ(got, empty_by_rule ? "malformed" : "decryption_failed")
                    << jose::name_of(alg) << " part " << which << " of " << other.size();
            }
        }
        const auto other = new_opener(jose::name_of(alg), "another");
        EXPECT_EQ(name_of(open(other, token, {})), "wrong_key");
    }
}

// RFC 7518 appendix C.
TEST(Jwe, ConcatKdfOfRfc7518) {
    const auto alice = read_opening_key({{"kty", "EC"},
                                         {"crv", "P-256"},
                                         {"alg", "ECDH-ES"},
                                         {"enc", "A128GCM"},
                                         {"x", "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0"},
                                         {"y", "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"},
                                         {"d", "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo"}});
    const auto bob = read_recipient_key({{"kty", "EC"},
                                         {"crv", "P-256"},
                                         {"alg", "ECDH-ES"},
                                         {"enc", "A128GCM"},
                                         {"x", "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ"},
                                         {"y", "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"}});
    ASSERT_TRUE(alice && bob);
    const auto z = std::get<keystore::agreement_key_ptr>(alice->key)->agree(std::get<crypto::agreement_public_key>(bob->key));
    ASSERT_TRUE(z);
    EXPECT_EQ(wire::base64url(concat_kdf(z->reveal(), "A128GCM", as_bytes("Alice"), as_bytes("Bob"), 16).reveal()),
              "VqqN6vgjbSBcIijNcacQGg");
}

// RFC 3394 4.6.
TEST(Jwe, KeyWrapOfRfc3394) {
    const bytes kek = from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f").value();
    const bytes data = from_hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f").value();
    const bytes wrapped = crypto::wrap_key(kek, secret_bytes(bytes_view(data)));
    EXPECT_EQ(to_hex(wrapped), "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21");
    EXPECT_EQ(to_hex(crypto::unwrap_key(kek, wrapped).value().reveal()), to_hex(data));
    for (const size_t size : {size_t{0}, size_t{8}, size_t{16}, size_t{39}, size_t{2048}}) {
        EXPECT_EQ(name_of(crypto::unwrap_key(kek, bytes(size))), "decryption_failed");
    }
}

// RFC 7518 B.1, B.3.
TEST(Jwe, CbcHmacOfRfc7518) {
    bytes key(64);
    for (size_t i = 0; i < key.size(); ++i) {
        key[i] = static_cast<uint8_t>(i);
    }
    const auto iv = to_array<16>(from_hex("1af38c2dc2b96ffdd86694092341bc04").value());
    const auto p =
        as_bytes("A cipher system must not be required to be secret, and it must be able to fall into the hands of the "
                 "enemy without inconvenience");
    const auto a = as_bytes("The second principle of Auguste Kerckhoffs");
    using enum crypto::cbc_hmac_algorithm;
    const auto small = crypto::cbc_hmac_seal(aes128_sha256, bytes_view(key).first(32), iv, a, p);
    EXPECT_EQ(to_hex(small.tag), "652c3fa36b0a7c5b3219fab3a30bc1c4");
    const auto large = crypto::cbc_hmac_seal(aes256_sha512, key, iv, a, p);
    EXPECT_EQ(to_hex(large.tag), "4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5");
    EXPECT_EQ(as_text(crypto::cbc_hmac_open(aes256_sha512, key, iv, a, large.ciphertext, large.tag).value()), as_text(p));
}

TEST(Jwe, ThePointsOrderIsLookedAtOnDemand) {
    const auto raw = std::get<crypto::agreement_public_key>(new_opener().pub.key);
    for (const auto how : {crypto::point_validation::partial, crypto::point_validation::full}) {
        EXPECT_TRUE(crypto::agreement_public_key::from_raw(raw.group(), raw.raw(), how));
        EXPECT_EQ(name_of(crypto::agreement_public_key::from_raw(raw.group(), bytes(65, 4), how)), "bad_public_key");
        EXPECT_EQ(name_of(crypto::agreement_public_key::from_raw(raw.group(), bytes(1), how)), "bad_public_key") << "infinity";
    }
}

}  // namespace
}  // namespace berth::jose
