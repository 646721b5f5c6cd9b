// What every back end must do with keys that it is told by name: what it declares it does, and what it does not declare is
// refused and leaves nothing behind.
//
//     INSTANTIATE_TEST_SUITE_P(Software, BackendConformance, testing::Values(...), backend_case::name);
#pragma once

#include "attestation/verify.h"
#include "keystore/operations.h"
#include "support/test_pki.h"

#include <functional>

#include <gtest/gtest.h>

namespace berth::keystore {

struct backend_case {
    std::string label;
    // Names under which there is nothing yet; asked for once the test runs.
    std::function<std::string()> signing_uri;
    std::function<std::string()> kem_uri;
    open_options options = {};
    static std::string name(const testing::TestParamInfo<backend_case>& p) { return p.param.label; }
};

class BackendConformance : public testing::TestWithParam<backend_case> {
protected:
    void SetUp() override {
        signing_uri_ = GetParam().signing_uri();
        kem_uri_ = GetParam().kem_uri();
        able_ = test::value_of(abilities_of(signing_uri_));
    }
    void TearDown() override {
        static_cast<void>(remove_key(signing_uri_, options_));
        static_cast<void>(remove_key(kem_uri_, options_));
    }
    template <class List, class Item>
    static bool declares(const List& list, Item item) {
        return std::find(list.begin(), list.end(), item) != list.end();
    }
    template <class T>
    static void expect_absent(const result<T>& opened) {
        ASSERT_FALSE(opened);
        EXPECT_TRUE(opened.error().is("key_not_found") || opened.error().is("file_not_found")) << opened.error().name;
        EXPECT_EQ(opened.error().category, error_category::environment);
    }
    template <class T>
    static void expect_unsupported(const result<T>& done) {
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().name, "operation_unsupported");
        EXPECT_EQ(done.error().category, error_category::usage);
    }
    void make_some_key() {
        ASSERT_FALSE(able_.signing.empty());
        test::value_of(make_signing_key(signing_uri_, able_.signing.front(), options_));
    }

    const open_options& options_ = GetParam().options;
    std::string signing_uri_;
    std::string kem_uri_;
    backend_abilities able_;
};

TEST_P(BackendConformance, SigningKeysFromMakingToDeleting) {
    EXPECT_FALSE(able_.signing.empty());
    for (const auto alg : crypto::all_signature_algorithms) {
        SCOPED_TRACE(std::string(name_of(alg)));
        if (!declares(able_.signing, alg)) {
            expect_unsupported(make_signing_key(signing_uri_, alg, options_));
            expect_absent(open_signing_key(signing_uri_, options_));
            continue;
        }
        const auto made = test::value_of(make_signing_key(signing_uri_, alg, options_));
        EXPECT_EQ(made->algorithm(), alg);
        EXPECT_EQ(made->able().backend, able_.name);
        const auto opened = test::value_of(open_signing_key(signing_uri_, options_));
        EXPECT_EQ(opened->public_key(), made->public_key());
        EXPECT_TRUE(made->public_key().verify(as_bytes("x"), test::value_of(opened->sign(as_bytes("x")))));
        EXPECT_EQ(test::name_of_error(make_signing_key(signing_uri_, alg, options_)), "key_exists");
        EXPECT_EQ(test::value_of(open_signing_key(signing_uri_, options_))->public_key(), made->public_key());
        const auto gone = remove_key(signing_uri_, options_);
        ASSERT_TRUE(gone) << gone.error().message;
        expect_absent(open_signing_key(signing_uri_, options_));
        EXPECT_EQ(test::name_of_error(remove_key(signing_uri_, options_)), "key_not_found");
    }
}

TEST_P(BackendConformance, KemKeysFromMakingToDeleting) {
    EXPECT_FALSE(able_.kem.empty());
    test::named_random random("conformance");
    for (const auto alg : crypto::all_kem_algorithms) {
        SCOPED_TRACE(std::string(name_of(alg)));
        if (!declares(able_.kem, alg)) {
            expect_unsupported(make_kem_key(kem_uri_, alg, options_));
            expect_absent(open_kem_key(kem_uri_, options_));
            continue;
        }
        const auto made = test::value_of(make_kem_key(kem_uri_, alg, options_));
        EXPECT_EQ(made->algorithm(), alg);
        EXPECT_EQ(made->able().backend, able_.name);
        const auto opened = test::value_of(open_kem_key(kem_uri_, options_));
        EXPECT_EQ(opened->public_key(), made->public_key());
        const auto sent = made->public_key().encapsulate(random);
        EXPECT_EQ(to_hex(test::value_of(opened->decapsulate(sent.enc)).reveal()), to_hex(sent.shared_secret.reveal()));
        EXPECT_EQ(test::name_of_error(make_kem_key(kem_uri_, alg, options_)), "key_exists");
        EXPECT_EQ(test::value_of(open_kem_key(kem_uri_, options_))->public_key(), made->public_key());
        const auto gone = remove_key(kem_uri_, options_);
        ASSERT_TRUE(gone) << gone.error().message;
        expect_absent(open_kem_key(kem_uri_, options_));
        EXPECT_EQ(test::name_of_error(remove_key(kem_uri_, options_)), "key_not_found");
    }
}

TEST_P(BackendConformance, AgreementKeysFromMakingToDeleting) {
    test::named_random random("conformance");
    for (const auto group : {crypto::agreement_group::p256, crypto::agreement_group::p384, crypto::agreement_group::x25519}) {
        SCOPED_TRACE(std::string(name_of(group)));
        if (!declares(able_.agreement, group)) {
            expect_unsupported(make_agreement_key(signing_uri_, group, options_));
            EXPECT_FALSE(open_agreement_key(signing_uri_, options_));
            continue;
        }
        const auto made = test::value_of(make_agreement_key(signing_uri_, group, options_));
        EXPECT_EQ(made->group(), group);
        EXPECT_EQ(made->able().backend, able_.name);
        EXPECT_FALSE(made->able().post_quantum);
        const auto opened = test::value_of(open_agreement_key(signing_uri_, options_));
        EXPECT_EQ(opened->public_key(), made->public_key());
        for (int i = 0; i < 3; ++i) {
            const auto theirs = crypto::agreement_private_key::generate(group, random);
            EXPECT_EQ(to_hex(test::value_of(opened->agree(theirs.public_key())).reveal()),
                      to_hex(test::value_of(theirs.agree(made->public_key())).reveal()));
        }
        const auto other = crypto::agreement_private_key::generate(crypto::agreement_group::x25519, random);
        EXPECT_EQ(test::name_of_error(opened->agree(other.public_key())), "bad_public_key");
        // It is for nothing else, and stays as it is.
        EXPECT_FALSE(open_signing_key(signing_uri_, options_));
        EXPECT_FALSE(open_kem_key(signing_uri_, options_));
        EXPECT_EQ(test::name_of_error(make_agreement_key(signing_uri_, group, options_)), "key_exists");
        const auto gone = remove_key(signing_uri_, options_);
        ASSERT_TRUE(gone) << gone.error().message;
        expect_absent(open_agreement_key(signing_uri_, options_));
    }
    if (!able_.agreement.empty()) {
        ASSERT_NO_FATAL_FAILURE(make_some_key());
        EXPECT_FALSE(open_agreement_key(signing_uri_, options_)) << "a key that signs";
    }
}

TEST_P(BackendConformance, NewKeysAreNew) {
    ASSERT_NO_FATAL_FAILURE(make_some_key());
    const auto before = to_bytes(test::value_of(open_signing_key(signing_uri_, options_))->public_key().spki());
    ASSERT_TRUE(remove_key(signing_uri_, options_));
    const auto second = test::value_of(make_signing_key(signing_uri_, able_.signing.front(), options_));
    EXPECT_FALSE(same_octets(before, second->public_key().spki()));
}

TEST_P(BackendConformance, GivesRandomOctets) {
    if (!able_.random) {
        expect_unsupported(random_octets(signing_uri_, 40, options_));
        return;
    }
    const auto some = test::value_of(random_octets(signing_uri_, 300, options_));
    const auto others = test::value_of(random_octets(signing_uri_, 300, options_));
    EXPECT_EQ(some.size(), 300U);
    EXPECT_NE(to_hex(some.reveal()), to_hex(others.reveal()));
}

// Opened once, a holder does again and again what is done by name.
TEST_P(BackendConformance, OpenedHolders) {
    ASSERT_NO_FATAL_FAILURE(make_some_key());
    const auto in = test::value_of(open_holder(signing_uri_, options_));
    if (able_.random) {
        EXPECT_NE(to_hex(test::value_of(in->random(40)).reveal()), to_hex(test::value_of(in->random(40)).reveal()));
    } else {
        expect_unsupported(in->random(40));
    }
    const secret_bytes secret(as_bytes("sealed through a holder"));
    if (!able_.seal) {
        expect_unsupported(in->seal(secret));
        expect_unsupported(in->unseal(bytes(64)));
        return;
    }
    const auto first = test::value_of(in->seal(secret));
    const auto second = test::value_of(seal(signing_uri_, secret, options_));
    for (const auto& sealed : {first, second}) {
        EXPECT_EQ(to_hex(test::value_of(in->unseal(sealed)).reveal()), to_hex(secret.reveal()));
        EXPECT_EQ(to_hex(test::value_of(unseal(signing_uri_, sealed, options_)).reveal()), to_hex(secret.reveal()));
    }
    EXPECT_EQ(test::name_of_error(in->seal(secret_bytes(most_sealed + 1))), "too_large");
    EXPECT_EQ(test::name_of_error(in->unseal(bytes(64))), "seal_invalid");
}

TEST_P(BackendConformance, SealsForItselfAlone) {
    const secret_bytes secret(as_bytes("a secret of sixty-four octets, as long as the seed of an ML-KEM."));
    if (!able_.seal) {
        expect_unsupported(seal(signing_uri_, secret, options_));
        expect_unsupported(unseal(signing_uri_, bytes(64), options_));
        return;
    }
    ASSERT_NO_FATAL_FAILURE(make_some_key());
    for (const size_t size : {size_t{1}, secret.size(), most_sealed}) {
        secret_bytes part(secret.reveal());
        part.resize(size);
        const auto sealed = test::value_of(seal(signing_uri_, part, options_));
        EXPECT_EQ(to_hex(test::value_of(unseal(signing_uri_, sealed, options_)).reveal()), to_hex(part.reveal()));
        EXPECT_EQ(as_text(sealed).find(as_text(part.reveal().first(std::min(size, size_t{16})))) == std::string_view::npos ||
                      size == 1,
                  true);
    }
    EXPECT_EQ(test::name_of_error(seal(signing_uri_, secret_bytes(most_sealed + 1), options_)), "too_large");

    const auto sealed = test::value_of(seal(signing_uri_, secret, options_));
    bytes changed = sealed;
    changed.back() ^= 1;
    EXPECT_EQ(test::name_of_error(unseal(signing_uri_, changed, options_)), "seal_invalid");
    changed = sealed;
    changed.pop_back();
    EXPECT_EQ(test::name_of_error(unseal(signing_uri_, changed, options_)), "seal_invalid");
    EXPECT_EQ(test::name_of_error(unseal(signing_uri_, {}, options_)), "seal_invalid");
    EXPECT_TRUE(unseal(signing_uri_, sealed, options_)) << "it works on after each refusal";
}

TEST_P(BackendConformance, QuotesItsPlatform) {
    const bytes nonce(32, 0x43);
    if (!able_.measured) {
        expect_unsupported(quote(signing_uri_, nonce, {0}, options_));
        expect_unsupported(platform_registers(signing_uri_, {0}, options_));
        return;
    }
    const auto said = test::value_of(quote(signing_uri_, nonce, {7, 0, 7}, options_));
    const auto by = test::value_of(attestation::attestation_key::accept(said.by));
    const attestation::pcr_selection asked{attestation::tpm_alg::sha256, {0, 7}};
    EXPECT_TRUE(attestation::verify_quote(said.statement, by, nonce, asked, said.values));
    EXPECT_EQ(said.values, test::value_of(platform_registers(signing_uri_, {0, 7}, options_)));
    EXPECT_EQ(test::name_of_error(quote(signing_uri_, bytes(65), {0}, options_)), "too_large");
}

TEST_P(BackendConformance, AttestsItsKeys) {
    const bytes nonce = to_bytes(as_bytes("fresh"));
    if (!able_.attest) {
        expect_unsupported(attest(signing_uri_, nonce, options_));
        return;
    }
    const auto made = test::value_of(make_signing_key(signing_uri_, able_.signing.front(), options_));
    const auto said = test::value_of(attest(signing_uri_, nonce, options_));
    const auto by = test::value_of(attestation::attestation_key::accept(said.by));
    const auto proved = attestation::verify_certify(said.statement, by, nonce, said.key);
    ASSERT_TRUE(proved) << proved.error().message;
    EXPECT_EQ(test::value_of(proved->area().verification_key()), made->public_key());
    EXPECT_EQ(test::name_of_error(attestation::verify_certify(said.statement, by, as_bytes("other"), said.key)),
              "attestation_stale");
}

}  // namespace berth::keystore
