#include "crypto/hpke.h"
#include "crypto/kem.h"
#include "crypto/random.h"
#include "crypto/x25519_mlkem768.h"
#include "support/given_random.h"

#include <thread>

#include <gtest/gtest.h>

namespace berth::crypto {

namespace {

using test::given_random;
using test::named_random;

bytes octets_of(random_source& from, size_t size) {
    bytes out(size);
    from.fill(out);
    return out;
}

class Kem : public testing::TestWithParam<kem_algorithm> {
protected:
    named_random random_{"kem"};
    kem_private_key key_ = kem_private_key::generate(GetParam(), random_);
    kem_sizes sizes_ = sizes_of(GetParam());
};

TEST_P(Kem, BothEndsGetTheSameSecret) {
    const kem_encapsulation made = key_.public_key().encapsulate(random_);
    EXPECT_EQ(made.enc.size(), sizes_.encapsulation);
    const auto secret = key_.decapsulate(made.enc);
    ASSERT_TRUE(secret);
    EXPECT_EQ(secret->size(), sizes_.shared_secret);
    EXPECT_EQ(to_hex(secret->reveal()), to_hex(made.shared_secret.reveal()));
}

TEST_P(Kem, DrawsAsTheProfileSays) {
    // Profile section 8: 32 octets m, then the scalar by rejection; an all-ones candidate is out of range on
    // both curves.
    const size_t scalar = sizes_.scalar;
    const bytes m = octets_of(random_, 32);
    const bytes good = octets_of(random_, scalar);
    given_random direct(concat({m, good}));
    given_random rejected(concat({m, bytes(scalar, 0xff), bytes(scalar, 0), good}));
    const auto a = key_.public_key().encapsulate(direct);
    const auto b = key_.public_key().encapsulate(rejected);
    EXPECT_EQ(a.enc, b.enc);
    EXPECT_EQ(direct.left(), 0U);
    EXPECT_EQ(rejected.left(), 0U);
}

TEST_P(Kem, KeysSurviveTheirEncodings) {
    const auto pkcs8 = key_.to_pkcs8();
    ASSERT_TRUE(pkcs8);
    const auto again = kem_private_key::from_pkcs8(pkcs8->reveal());
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->public_key(), key_.public_key());

    const auto pub = kem_public_key::from_spki(key_.public_key().spki());
    ASSERT_TRUE(pub) << pub.error().message;
    EXPECT_EQ(*pub, key_.public_key());
    EXPECT_EQ(pub->spki_sha256(), to_array<32>(sha256(pub->spki()).view()));

    const auto made = pub->encapsulate(random_);
    EXPECT_EQ(to_hex(again->decapsulate(made.enc)->reveal()), to_hex(made.shared_secret.reveal()));
}

TEST_P(Kem, AWrongKeyGivesAnotherSecretAndNoError) {
    const auto other = kem_private_key::generate(GetParam(), random_);
    const auto made = key_.public_key().encapsulate(random_);
    const auto secret = other.decapsulate(made.enc);
    ASSERT_TRUE(secret);
    EXPECT_NE(to_hex(secret->reveal()), to_hex(made.shared_secret.reveal()));
}

TEST_P(Kem, WrongLengthsAreRefused) {
    const auto made = key_.public_key().encapsulate(random_);
    for (const size_t size : {size_t{0}, made.enc.size() - 1, made.enc.size() + 1}) {
        bytes enc = made.enc;
        enc.resize(size);
        const auto secret = key_.decapsulate(enc);
        ASSERT_FALSE(secret);
        EXPECT_EQ(secret.error().name, "bad_encapsulation");
        EXPECT_EQ(secret.error().category, error_category::peer);

        bytes raw = to_bytes(key_.public_key().raw());
        raw.resize(size == 0 ? 0 : raw.size() + (size > made.enc.size() ? 1 : static_cast<size_t>(-1)));
        const auto pub = kem_public_key::from_raw(GetParam(), raw);
        ASSERT_FALSE(pub);
        EXPECT_EQ(pub.error().name, "bad_public_key");
    }
}

// FIPS 203 7.2: the modulus check of an encapsulation key.
TEST_P(Kem, ACoefficientNotBelowTheModulusIsRefused) {
    bytes raw = to_bytes(key_.public_key().raw());
    raw[0] = 0x01;  // the first coefficient becomes 3329
    raw[1] = static_cast<uint8_t>((raw[1] & 0xf0) | 0x0d);
    const auto pub = kem_public_key::from_raw(GetParam(), raw);
    ASSERT_FALSE(pub);
    EXPECT_EQ(pub.error().name, "bad_public_key");
    EXPECT_NE(pub.error().message.find("modulus"), std::string::npos);
}

class HybridKem : public Kem {};

TEST_P(HybridKem, OffCurvePointsAreRefused) {
    const auto made = key_.public_key().encapsulate(random_);
    const auto expect_refused = [&](size_t at, uint8_t value) {
        bytes enc = made.enc;
        enc[sizes_.ml_kem_encapsulation + at] = value;
        const auto secret = key_.decapsulate(enc);
        ASSERT_FALSE(secret);
        EXPECT_EQ(secret.error().name, "bad_encapsulation");
        bytes raw = to_bytes(key_.public_key().raw());
        raw[sizes_.ml_kem_public_key + at] = value;
        const auto pub = kem_public_key::from_raw(GetParam(), raw);
        ASSERT_FALSE(pub);
        EXPECT_EQ(pub.error().name, "bad_public_key");
    };
    const auto flipped = static_cast<uint8_t>(made.enc.back() ^ 1);
    expect_refused(sizes_.point - 1, flipped);
    expect_refused(0, 0x00);  // infinity
    expect_refused(0, 0x02);  // compressed
    expect_refused(0, 0x06);  // hybrid form
}

// RFC 9935 3 and draft-ietf-lamps-pq-composite-kem: parameters are absent.
TEST_P(Kem, SpkiIsStrict) {
    const bytes spki = to_bytes(key_.public_key().spki());
    bytes trailing = spki;
    trailing.push_back(0);
    EXPECT_EQ(kem_public_key::from_spki(trailing).error().name, "bad_public_key");
    bytes cut = spki;
    cut.pop_back();
    EXPECT_EQ(kem_public_key::from_spki(cut).error().name, "bad_public_key");
    EXPECT_EQ(kem_public_key::from_spki({}).error().name, "bad_public_key");

    // SEQUENCE { SEQUENCE { OID, NULL }, BIT STRING }
    const size_t oid = static_cast<size_t>(spki[5]);
    bytes with_null = spki;
    with_null[5] = static_cast<uint8_t>(oid + 2);
    const std::array<uint8_t, 2> null{0x05, 0x00};
    with_null.insert(with_null.begin() + 6 + static_cast<std::ptrdiff_t>(oid), null.begin(), null.end());
    const size_t outer = (static_cast<size_t>(spki[2]) << 8 | spki[3]) + 2;
    with_null[2] = static_cast<uint8_t>(outer >> 8);
    with_null[3] = static_cast<uint8_t>(outer);
    const auto pub = kem_public_key::from_spki(with_null);
    ASSERT_FALSE(pub);
    EXPECT_EQ(pub.error().name, "bad_public_key");
    EXPECT_NE(pub.error().message.find("parameters"), std::string::npos);
}

TEST_P(Kem, HpkeSealsAndExportsBothWays) {
    const hpke_suite suite = hpke_suite_aes256_for(GetParam());
    hpke_sender sender = hpke_setup_sender(suite, key_.public_key(), as_bytes("info"), random_);
    hpke_context receiver = hpke_setup_receiver(suite, key_.decapsulate(sender.enc)->reveal(), as_bytes("info"));
    for (int i = 0; i < 300; ++i) {
        const bytes sealed = sender.context.seal(as_bytes("aad"), as_bytes("text"));
        if (i == 7) {
            EXPECT_EQ(receiver.open(as_bytes("other"), sealed).error().name, "decryption_failed");
        }
        const auto opened = receiver.open(as_bytes("aad"), sealed);
        ASSERT_TRUE(opened) << i;
        EXPECT_EQ(as_text(*opened), "text");
    }
    EXPECT_EQ(to_hex(sender.context.export_secret(as_bytes("x"), 48).reveal()),
              to_hex(receiver.export_secret(as_bytes("x"), 48).reveal()));

    // Profile section 3: the suite is fixed by the KEM, not by the one used above.
    named_random again("export");
    const auto sent =
        hpke_send_export(key_.public_key(), as_bytes("tls13 auth-kem"), as_bytes("server authentication"), 48, again);
    const auto got = hpke_receive_export(GetParam(), key_.decapsulate(sent.enc)->reveal(), as_bytes("tls13 auth-kem"),
                                         as_bytes("server authentication"), 48);
    EXPECT_EQ(to_hex(sent.secret.reveal()), to_hex(got.reveal()));
}

TEST_P(Kem, OneKeyServesManyThreads) {
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 20; ++n) {
                const auto made = key_.public_key().encapsulate(system_random());
                const auto secret = key_.decapsulate(made.enc);
                good += secret && to_hex(secret->reveal()) == to_hex(made.shared_secret.reveal()) ? 1 : 0;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(good.load(), 80);
}

TEST_P(Kem, NamesGoBothWays) {
    EXPECT_EQ(kem_algorithm_from_oid(oid_of(GetParam())), GetParam());
    EXPECT_EQ(kem_algorithm_from_id(static_cast<uint16_t>(GetParam())), GetParam());
    EXPECT_FALSE(kem_algorithm_from_id(0x0040));
}

INSTANTIATE_TEST_SUITE_P(All, Kem, testing::ValuesIn(all_kem_algorithms),
                         [](const auto& p) { return std::string(name_of(p.param)); });

INSTANTIATE_TEST_SUITE_P(Hybrids, HybridKem, testing::Values(kem_algorithm::mlkem768_p256, kem_algorithm::mlkem1024_p384),
                         [](const auto& p) { return std::string(name_of(p.param)); });

TEST(HybridPrivateKey, PartsThatDoNotBelongTogetherAreRefused) {
    named_random random("hybrid");
    const auto key = kem_private_key::generate(kem_algorithm::mlkem768_p256, random);
    const bytes good = to_bytes(key.to_pkcs8()->reveal());
    const auto name_after = [&](size_t from_end, uint8_t xor_with) {
        bytes der = good;
        der.at(der.size() - from_end) ^= xor_with;
        const auto made = kem_private_key::from_pkcs8(der);
        return made ? std::string("accepted") : made.error().name;
    };
    EXPECT_EQ(name_after(1, 1), "bad_private_key") << "another curve";
    EXPECT_EQ(name_after(12 + 33, 0x40), "bad_private_key") << "a scalar of another length";
    bytes zero = good;
    std::fill(zero.end() - 12 - 32, zero.end() - 12, uint8_t{0});
    EXPECT_EQ(kem_private_key::from_pkcs8(zero).error().name, "bad_private_key");
    bytes trailing = good;
    trailing.push_back(0);
    EXPECT_EQ(kem_private_key::from_pkcs8(trailing).error().name, "bad_private_key");
    EXPECT_EQ(kem_private_key::from_pkcs8({}).error().name, "bad_private_key");
}

TEST(X25519MlKem768, BothEndsGetTheSameSecretAndDrawAsTheProfileSays) {
    named_random stream("share");
    given_random of_client(octets_of(stream, 96));
    given_random of_server(octets_of(stream, 64));
    const auto client = x25519mlkem768_client::generate(of_client);
    EXPECT_EQ(client.share().size(), x25519mlkem768_client_share_size);
    const auto response = x25519mlkem768_respond(client.share(), of_server);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->share.size(), x25519mlkem768_server_share_size);
    EXPECT_EQ(of_client.left(), 0U);
    EXPECT_EQ(of_server.left(), 0U);
    const auto secret = client.finish(response->share);
    ASSERT_TRUE(secret);
    EXPECT_EQ(secret->size(), x25519mlkem768_secret_size);
    EXPECT_EQ(to_hex(secret->reveal()), to_hex(response->secret.reveal()));
}

TEST(X25519MlKem768, BadSharesAreRefused) {
    named_random random("bad shares");
    const auto client = x25519mlkem768_client::generate(random);
    const auto response = x25519mlkem768_respond(client.share(), random);
    ASSERT_TRUE(response);
    const auto server_says = [&](const bytes& share) {
        const auto made = x25519mlkem768_respond(share, random);
        return made ? std::string("accepted") : made.error().name;
    };
    const auto client_says = [&](const bytes& share) {
        const auto made = client.finish(share);
        return made ? std::string("accepted") : made.error().name;
    };
    bytes share = to_bytes(client.share());
    std::fill(share.end() - 32, share.end(), uint8_t{0});
    EXPECT_EQ(server_says(share), "bad_key_share") << "all-zero X25519 output";
    share.pop_back();
    EXPECT_EQ(server_says(share), "bad_key_share");
    share = to_bytes(client.share());
    share[0] = 0xff;
    share[1] = 0xff;
    EXPECT_EQ(server_says(share), "bad_key_share") << "modulus check";

    share = response->share;
    std::fill(share.end() - 32, share.end(), uint8_t{0});
    EXPECT_EQ(client_says(share), "bad_key_share");
    share.push_back(0);
    EXPECT_EQ(client_says(share), "bad_key_share");
    EXPECT_EQ(client_says({}), "bad_key_share");
}

}  // namespace

}  // namespace berth::crypto
