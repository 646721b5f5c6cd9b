// What every keystore back end must do. A back end's test file includes this and names its keys:
//
//     INSTANTIATE_TEST_SUITE_P(Software, KemKeyConformance, testing::Values(...), kem_case::name);
//     INSTANTIATE_TEST_SUITE_P(Software, SigningKeyConformance, testing::Values(...), signing_case::name);
//
// A case makes a new key each time it is asked, or hands out the one that its slot holds.
#pragma once

#include "keystore/key.h"
#include "pki/csr.h"
#include "support/test_pki.h"

#include <algorithm>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

namespace berth::keystore {

struct kem_case {
    std::string label;
    std::function<kem_key_ptr()> make;
    int operations = 20;  // per thread; chips are slow
    static std::string name(const testing::TestParamInfo<kem_case>& p) { return p.param.label; }
};

struct signing_case {
    std::string label;
    std::function<signing_key_ptr()> make;
    int operations = 20;
    static std::string name(const testing::TestParamInfo<signing_case>& p) { return p.param.label; }
};

class KemKeyConformance : public testing::TestWithParam<kem_case> {
protected:
    void SetUp() override {
        key_ = GetParam().make();
        ASSERT_TRUE(key_);
    }
    kem_key_ptr key_;
    test::named_random random_{"conformance"};
};

TEST_P(KemKeyConformance, DecapsulatesWhatItsPublicKeyEncapsulated) {
    EXPECT_EQ(key_->algorithm(), key_->public_key().algorithm());
    for (int i = 0; i < 3; ++i) {
        const auto made = key_->public_key().encapsulate(random_);
        const auto secret = key_->decapsulate(made.enc);
        ASSERT_TRUE(secret) << secret.error().message;
        EXPECT_EQ(to_hex(secret->reveal()), to_hex(made.shared_secret.reveal()));
        const auto again = key_->decapsulate(made.enc);
        ASSERT_TRUE(again);
        EXPECT_EQ(to_hex(again->reveal()), to_hex(secret->reveal()));
    }
}

// FIPS 203 6.3: implicit rejection. No error and no known secret may come of a changed ML-KEM ciphertext.
TEST_P(KemKeyConformance, RejectsImplicitly) {
    auto made = key_->public_key().encapsulate(random_);
    made.enc[0] ^= 1;
    const auto secret = key_->decapsulate(made.enc);
    ASSERT_TRUE(secret) << secret.error().message;
    EXPECT_EQ(secret->size(), 32U);
    EXPECT_NE(to_hex(secret->reveal()), to_hex(made.shared_secret.reveal()));
}

TEST_P(KemKeyConformance, RefusesMalformedEncapsulations) {
    const auto made = key_->public_key().encapsulate(random_);
    const auto expect_refused = [this](const bytes& enc, const char* why) {
        const auto secret = key_->decapsulate(enc);
        ASSERT_FALSE(secret) << why;
        EXPECT_EQ(secret.error().name, "bad_encapsulation") << why;
        EXPECT_EQ(secret.error().category, error_category::peer) << why;
    };
    expect_refused({}, "empty");
    bytes enc = made.enc;
    enc.pop_back();
    expect_refused(enc, "short");
    enc = made.enc;
    enc.push_back(0);
    expect_refused(enc, "long");
    const auto sizes = crypto::sizes_of(key_->algorithm());
    if (sizes.point != 0) {
        enc = made.enc;
        enc.back() ^= 1;
        expect_refused(enc, "off the curve");
        enc = made.enc;
        enc[sizes.ml_kem_encapsulation] = 0x02;
        expect_refused(enc, "not uncompressed");
        std::fill(enc.begin() + static_cast<std::ptrdiff_t>(sizes.ml_kem_encapsulation), enc.end(), uint8_t{0});
        expect_refused(enc, "infinity");
    }
    // It works on after each refusal.
    EXPECT_TRUE(key_->decapsulate(made.enc));
}

TEST_P(KemKeyConformance, SaysWhatItIs) {
    const capabilities& able = key_->able();
    EXPECT_FALSE(able.backend.empty());
    EXPECT_TRUE(able.post_quantum);
    EXPECT_FALSE(able.exportable && able.hardware) << "a key that leaves its chip is not held by it";
}

TEST_P(KemKeyConformance, ServesSeveralThreads) {
    const auto made = key_->public_key().encapsulate(random_);
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < GetParam().operations; ++n) {
                const auto secret = key_->decapsulate(made.enc);
                good += secret && same_octets(secret->reveal(), made.shared_secret.reveal()) ? 1 : 0;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(good.load(), 4 * GetParam().operations);
}

class SigningKeyConformance : public testing::TestWithParam<signing_case> {
protected:
    void SetUp() override {
        key_ = GetParam().make();
        ASSERT_TRUE(key_);
    }
    signing_key_ptr key_;
};

TEST_P(SigningKeyConformance, SignsWhatItsPublicKeyVerifies) {
    EXPECT_EQ(key_->algorithm(), key_->public_key().algorithm());
    for (const std::string& message : {std::string(), std::string("message"), std::string(100'000, 'x')}) {
        const auto signature = key_->sign(as_bytes(message));
        ASSERT_TRUE(signature) << signature.error().message;
        EXPECT_TRUE(key_->public_key().verify(as_bytes(message), *signature));
        EXPECT_FALSE(key_->public_key().verify(as_bytes(message + "!"), *signature));
        const auto through = key_->as_signing_key().sign(as_bytes(message));
        ASSERT_TRUE(through) << through.error().message;
        EXPECT_TRUE(key_->public_key().verify(as_bytes(message), *through));
    }
}

TEST_P(SigningKeyConformance, MakesRequestsAndCertificates) {
    EXPECT_EQ(key_->as_signing_key().public_key(), key_->public_key());
    pki::csr_template request;
    request.subject.add("CN", "conformance");
    request.challenge_password = "bound";
    const auto der = pki::build_csr(request, key_->as_signing_key());
    ASSERT_TRUE(der) << der.error().message;
    const auto csr = pki::verified_csr::parse(*der);
    ASSERT_TRUE(csr) << csr.error().message;
    EXPECT_EQ(csr->key(), key_->public_key());

    test::named_random random("conformance");
    const auto root = pki::issue_self_signed(pki::root_template("Test", "root", test::usual), key_->as_signing_key(), random);
    ASSERT_TRUE(root) << root.error().message;
    EXPECT_TRUE(pki::check_root(*root));
}

TEST_P(SigningKeyConformance, SaysWhatItIs) {
    const capabilities& able = key_->able();
    EXPECT_FALSE(able.backend.empty());
    EXPECT_EQ(able.post_quantum, crypto::is_post_quantum(key_->algorithm()));
    const auto exported = key_->as_signing_key().to_pkcs8();
    EXPECT_EQ(exported.has_value(), able.exportable);
    if (!exported) {
        EXPECT_EQ(exported.error().name, "key_not_exportable");
    }
}

TEST_P(SigningKeyConformance, ServesSeveralThreads) {
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < GetParam().operations; ++n) {
                const auto signature = key_->sign(as_bytes("message"));
                good += signature && key_->public_key().verify(as_bytes("message"), *signature) ? 1 : 0;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(good.load(), 4 * GetParam().operations);
}

}  // namespace berth::keystore
