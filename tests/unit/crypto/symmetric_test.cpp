#include "crypto/aead.h"
#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "crypto/random.h"
#include "crypto/version.h"

#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace berth::crypto {

namespace {

bytes hex(std::string_view text) {
    return *from_hex(text);
}

constexpr std::array all_hashes{hash_algorithm::sha256, hash_algorithm::sha384, hash_algorithm::sha512, hash_algorithm::sha3_256};

TEST(Version, TheLoadedLibraryIsNewEnough) {
    EXPECT_GE(openssl_version_number(), 0x30500000UL);
    EXPECT_TRUE(require_openssl());
    EXPECT_NE(openssl_version_text().find("OpenSSL 3."), std::string::npos);
}

// FIPS 180-4 and FIPS 202 examples for "abc".
TEST(Hash, KnownAnswers) {
    EXPECT_EQ(to_hex(sha256(as_bytes("abc")).view()), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(to_hex(hash(hash_algorithm::sha384, as_bytes("abc")).view()),
              "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
    EXPECT_EQ(to_hex(hash(hash_algorithm::sha512, as_bytes("abc")).view()),
              "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
              "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    EXPECT_EQ(to_hex(hash(hash_algorithm::sha3_256, as_bytes("abc")).view()),
              "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
    EXPECT_EQ(to_hex(sha256({}).view()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

RC_GTEST_PROP(Hasher, AnySplitGivesTheDigestOfTheWhole, (const std::vector<bytes>& parts)) {
    for (const auto alg : all_hashes) {
        hasher h(alg);
        bytes whole;
        for (const bytes& part : parts) {
            h.update(part);
            append(whole, part);
            RC_ASSERT(h.peek() == hash(alg, whole));
        }
        RC_ASSERT(h.finish() == hash(alg, whole));
        RC_ASSERT(h.finish() == hash(alg, {}));
    }
}

TEST(Hasher, ACopyGoesItsOwnWay) {
    hasher a(hash_algorithm::sha384);
    a.update(as_bytes("common"));
    hasher b = a;
    a.update(as_bytes("left"));
    b.update(as_bytes("right"));
    EXPECT_EQ(a.peek(), hash(hash_algorithm::sha384, as_bytes("commonleft")));
    EXPECT_EQ(b.peek(), hash(hash_algorithm::sha384, as_bytes("commonright")));
    b = a;
    EXPECT_EQ(b.finish(), a.finish());
}

// RFC 4231, test cases 2 and 6.
TEST(Hmac, KnownAnswers) {
    EXPECT_EQ(to_hex(hmac(hash_algorithm::sha256, as_bytes("Jefe"), as_bytes("what do ya want for nothing?")).view()),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(
        to_hex(hmac(hash_algorithm::sha384, bytes(131, 0xaa), as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))
                   .view()),
        "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952");
}

TEST(Hmac, AnEmptyKeyIsNotTheKeyOfLastTime) {
    const digest empty = hmac(hash_algorithm::sha256, {}, as_bytes("data"));
    hmac(hash_algorithm::sha256, as_bytes("key"), as_bytes("data"));
    EXPECT_EQ(hmac(hash_algorithm::sha256, {}, as_bytes("data")), empty);
    EXPECT_EQ(empty, hmac(hash_algorithm::sha256, bytes(64, 0), as_bytes("data")));
}

// RFC 5869 A.1 and A.3.
TEST(Hkdf, KnownAnswers) {
    const secret_bytes prk = hkdf_extract(hash_algorithm::sha256, hex("000102030405060708090a0b0c"), bytes(22, 0x0b));
    EXPECT_EQ(to_hex(prk.reveal()), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    EXPECT_EQ(to_hex(hkdf_expand(hash_algorithm::sha256, prk.reveal(), hex("f0f1f2f3f4f5f6f7f8f9"), 42).reveal()),
              "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    const secret_bytes unsalted = hkdf_extract(hash_algorithm::sha256, {}, bytes(22, 0x0b));
    EXPECT_EQ(to_hex(unsalted.reveal()), "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
    EXPECT_EQ(to_hex(hkdf_expand(hash_algorithm::sha256, unsalted.reveal(), {}, 42).reveal()),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

// RFC 8448 section 3: the early secret, "derived", and the server's handshake traffic key and IV.
TEST(Hkdf, ExpandLabelAsInRfc8448) {
    const auto alg = hash_algorithm::sha256;
    const secret_bytes early = hkdf_extract(alg, {}, bytes(32, 0));
    EXPECT_EQ(to_hex(early.reveal()), "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a");
    EXPECT_EQ(to_hex(hkdf_expand_label(alg, early.reveal(), "derived", sha256({}).view(), 32).reveal()),
              "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba");
    const bytes traffic = hex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
    EXPECT_EQ(to_hex(hkdf_expand_label(alg, traffic, "key", {}, 16).reveal()), "3fce516009c21727d0f2e4e86ee403bc");
    EXPECT_EQ(to_hex(hkdf_expand_label(alg, traffic, "iv", {}, 12).reveal()), "5d313eb2671276ee13000b30");
}

TEST(HkdfDeathTest, TooMuchIsOurMistake) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(hkdf_expand(hash_algorithm::sha256, bytes(32, 1), {}, 255 * 32 + 1), "more octets than HKDF");
    EXPECT_DEATH(hkdf_expand_label(hash_algorithm::sha256, bytes(32, 1), std::string(250, 'x'), {}, 32), "too long");
}

TEST(ConstantTime, EqualIsEqual) {
    EXPECT_TRUE(equal({}, {}));
    EXPECT_TRUE(equal(as_bytes("abc"), as_bytes("abc")));
    EXPECT_FALSE(equal(as_bytes("abc"), as_bytes("abd")));
    EXPECT_FALSE(equal(as_bytes("abc"), as_bytes("ab")));
}

TEST(Random, DrawsDiffer) {
    std::set<std::array<uint8_t, 16>> seen;
    for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(seen.insert(system_random().octets<16>()).second);
    }
    system_random().fill({});
}

constexpr std::array all_aeads{aead_algorithm::aes128gcm, aead_algorithm::aes256gcm, aead_algorithm::chacha20poly1305};
constexpr std::array<uint8_t, 12> some_nonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

// RFC 8439 2.8.2.
TEST(Aead, ChaCha20Poly1305KnownAnswer) {
    const bytes key = hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    const bytes sealed = aead_key(aead_algorithm::chacha20poly1305, key, aead_key::use::seal)
                             .seal(to_array<12>(hex("070000004041424344454647")), hex("50515253c0c1c2c3c4c5c6c7"),
                                   as_bytes("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
                                            "future, sunscreen would be it."));
    EXPECT_EQ(to_hex(bytes_view(sealed).last(16)), "1ae10b594f09e26a7e902ecbd0600691");
    EXPECT_EQ(to_hex(bytes_view(sealed).first(8)), "d31a8d34648e60db");
}

// The Galois/Counter Mode of Operation (McGrew, Viega), test cases 4 and 16.
TEST(Aead, GcmKnownAnswers) {
    const bytes plaintext = hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449"
                                "a6b525b16aedf5aa0de657ba637b39");
    const bytes aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    const auto nonce = to_array<12>(hex("cafebabefacedbaddecaf888"));
    const bytes key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    const bytes short_key = to_bytes(bytes_view(key).first(16));
    EXPECT_EQ(
        to_hex(
            bytes_view(aead_key(aead_algorithm::aes128gcm, short_key, aead_key::use::seal).seal(nonce, aad, plaintext)).last(16)),
        "5bc94fbc3221a5db94fae95ae7121a47");
    EXPECT_EQ(
        to_hex(bytes_view(aead_key(aead_algorithm::aes256gcm, key, aead_key::use::seal).seal(nonce, aad, plaintext)).last(16)),
        "76fc6ece0f4e1768cddf8853bb2d551b");
}

RC_GTEST_PROP(Aead, OpensWhatWasSealedAndNothingElse,
              (const bytes& plaintext, const bytes& aad, uint8_t flip_bit, size_t flip_at)) {
    for (const auto alg : all_aeads) {
        const bytes key(aead_key_size(alg), 7);
        aead_key sealer(alg, key, aead_key::use::seal);
        aead_key opener(alg, key, aead_key::use::open);
        const bytes sealed = sealer.seal(some_nonce, aad, plaintext);
        RC_ASSERT(sealed.size() == plaintext.size() + aead_tag_size);
        const auto opened = opener.open(some_nonce, aad, sealed);
        RC_ASSERT(opened.has_value());
        RC_ASSERT(*opened == plaintext);

        bytes changed = sealed;
        changed[flip_at % changed.size()] ^= static_cast<uint8_t>(1U << (flip_bit % 8));
        const auto refused = opener.open(some_nonce, aad, changed);
        RC_ASSERT(!refused.has_value());
        RC_ASSERT(refused.error().name == "decryption_failed");
        bytes other_aad = aad;
        other_aad.push_back(0);
        RC_ASSERT(!opener.open(some_nonce, other_aad, sealed).has_value());
        // A failure leaves the key as usable as before.
        RC_ASSERT(opener.open(some_nonce, aad, sealed).has_value());
    }
}

RC_GTEST_PROP(Aead, InPlaceAndInTwoPartsGiveTheSame, (const bytes& content, uint8_t type)) {
    for (const auto alg : all_aeads) {
        const bytes key(aead_key_size(alg), 9);
        aead_key sealer(alg, key, aead_key::use::seal);
        aead_key opener(alg, key, aead_key::use::open);
        bytes whole = content;
        whole.push_back(type);
        const bytes expected = sealer.seal(some_nonce, {}, whole);

        bytes parts(expected.size());
        sealer.seal(some_nonce, {}, content, {&type, 1}, parts);
        RC_ASSERT(parts == expected);

        bytes buffer = whole;
        buffer.resize(expected.size());
        sealer.seal(some_nonce, {}, std::span(buffer).first(whole.size()), buffer);
        RC_ASSERT(buffer == expected);

        RC_ASSERT(opener.open(some_nonce, {}, buffer, std::span(buffer).first(whole.size())).has_value());
        buffer.resize(whole.size());
        RC_ASSERT(buffer == whole);
    }
}

TEST(Aead, AFailureLeavesZeros) {
    const bytes key(32, 1);
    bytes sealed = aead_key(aead_algorithm::aes256gcm, key, aead_key::use::seal).seal(some_nonce, {}, bytes(100, 0x55));
    sealed.back() ^= 1;
    aead_key opener(aead_algorithm::aes256gcm, key, aead_key::use::open);
    bytes out(100, 0xee);
    EXPECT_FALSE(opener.open(some_nonce, {}, sealed, out));
    EXPECT_EQ(out, bytes(100, 0));
    const auto too_short = opener.open(some_nonce, {}, bytes(15, 0));
    ASSERT_FALSE(too_short);
    EXPECT_EQ(too_short.error().name, "decryption_failed");
}

TEST(AeadDeathTest, MisuseIsOurMistake) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(aead_key(aead_algorithm::aes256gcm, bytes(16, 0), aead_key::use::seal), "wrong length");
    EXPECT_DEATH(aead_key(aead_algorithm::aes256gcm, bytes(32, 0), aead_key::use::open).seal(some_nonce, {}, {}),
                 "key for opening");
}

// Everything that is fetched lazily, by several threads at once.
TEST(Threads, FirstUseByManyAtOnce) {
    std::vector<std::thread> threads;
    std::atomic<int> good = 0;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&good] {
            for (const auto alg : all_hashes) {
                const digest d = hmac(alg, as_bytes("key"), hash(alg, as_bytes("abc")).view());
                good += d.size() == hash_size(alg) ? 1 : 0;
            }
            for (const auto alg : all_aeads) {
                const bytes key(aead_key_size(alg), 3);
                const bytes sealed = aead_key(alg, key, aead_key::use::seal).seal(some_nonce, {}, as_bytes("text"));
                good += aead_key(alg, key, aead_key::use::open).open(some_nonce, {}, sealed).has_value() ? 1 : 0;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(good.load(), 8 * 7);
}

}  // namespace

}  // namespace berth::crypto
