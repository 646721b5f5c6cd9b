// Units whose keys no chip holds: what the four messages alone must stand.
#include "factory_fixture.h"
#include "keystore/software.h"

namespace berth::factory {

namespace {

class SoftwareUnit : public testing::Test {
protected:
    std::unique_ptr<unit> make(const std::string& serial) {
        return std::make_unique<unit>(unit_name{serial, "model-1"}, "software",
                                      keystore::software_signing_key(test::signature_key("identity " + serial)),
                                      keystore::software_kem_key(test::kem_key("kem " + serial)));
    }
    result<residency_check> begin(bytes_view request) { return residency_check::begin(request, policy, issuer.random); }

    test_issuer issuer;
    residency_policy policy{{}, test::test_now};
};

TEST_F(SoftwareUnit, IsGrantedItsCertificates) {
    const auto one = make("SN-1");
    auto check = value_of(begin(value_of(one->request())));
    const auto proof = check.finish(value_of(one->answer(value_of(wire::encode(check.challenge())))));
    ASSERT_TRUE(proof) << proof.error().message;
    const auto granted = one->accept(value_of(wire::encode(value_of(issuer.issue(*proof)))));
    ASSERT_TRUE(granted) << granted.error().message;
    ASSERT_EQ(granted->identity.size(), 2U);
    EXPECT_TRUE(pki::check_idevid_signature(granted->identity.front()));
    EXPECT_TRUE(pki::check_idevid_kem(granted->kem.front()));
    EXPECT_EQ(granted->identity.front().not_after(), pki::no_expiry);
    EXPECT_TRUE(granted->identity.front().policies().empty()) << "no chip was verified";
    const auto trust = value_of(pki::trust_store::from_root(issuer.root.certificate));
    EXPECT_TRUE(pki::verify_chain(trust, granted->identity, test::now_as(pki::leaf_rule::signature)));
    EXPECT_TRUE(pki::verify_chain(trust, granted->kem, test::now_as(pki::leaf_rule::kem)));
}

// The answer comes as a file, to another process than the one that asked.
TEST_F(SoftwareUnit, IsJudgedByWhatWasKept) {
    const auto one = make("SN-1");
    const auto check = value_of(begin(value_of(one->request())));
    auto later = value_of(residency_check::restore(check.save(), policy));
    EXPECT_EQ(value_of(wire::encode(later.challenge())), value_of(wire::encode(check.challenge())));
    EXPECT_TRUE(later.finish(value_of(one->answer(value_of(wire::encode(check.challenge()))))));
}

TEST_F(SoftwareUnit, GoesOnWithARequestOfBefore) {
    const bytes request = value_of(make("SN-1")->request());
    auto check = value_of(begin(request));
    const bytes challenge = value_of(wire::encode(check.challenge()));
    const auto later = make("SN-1");
    EXPECT_EQ(name_of_error(later->answer(challenge)), "wrong_challenge") << "it knows of no request yet";
    ASSERT_TRUE(later->resume(request));
    const auto proof = check.finish(value_of(later->answer(challenge)));
    ASSERT_TRUE(proof) << proof.error().message;
    EXPECT_TRUE(later->accept(value_of(wire::encode(value_of(issuer.issue(*proof))))));
    EXPECT_EQ(name_of_error(make("SN-2")->resume(request)), "wrong_request");
    EXPECT_EQ(name_of_error(later->resume(bytes{1, 2, 3})), "malformed");
}

TEST_F(SoftwareUnit, AnswersOnce) {
    const auto one = make("SN-1");
    auto check = value_of(begin(value_of(one->request())));
    const bytes answer = value_of(one->answer(value_of(wire::encode(check.challenge()))));
    EXPECT_TRUE(check.finish(answer));
    EXPECT_EQ(name_of_error(check.finish(answer)), "possession_unconfirmed");
}

// A chip that wants its host key first, say.
class closed_kem_key final : public keystore::kem_key {
public:
    explicit closed_kem_key(keystore::kem_key_ptr behind) : behind_(std::move(behind)) {}
    crypto::kem_algorithm algorithm() const override { return behind_->algorithm(); }
    const crypto::kem_public_key& public_key() const override { return behind_->public_key(); }
    result<secret_bytes> decapsulate(bytes_view) const override {
        return fail(error_category::environment, "keystore_failed", "give the host key");
    }
    const keystore::capabilities& able() const override { return behind_->able(); }

private:
    keystore::kem_key_ptr behind_;
};

TEST_F(SoftwareUnit, SaysWhyItsKeyCannotBeUsed) {
    auto kem = std::make_shared<closed_kem_key>(keystore::software_kem_key(test::kem_key("kem SN-1")));
    unit one({"SN-1", "model-1"}, "stsafe", keystore::software_signing_key(test::signature_key("identity SN-1")), std::move(kem));
    const auto check = value_of(begin(value_of(one.request())));
    const auto answer = one.answer(value_of(wire::encode(check.challenge())));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().name, "keystore_failed");
    EXPECT_EQ(answer.error().message, "give the host key");
}

TEST_F(SoftwareUnit, AnothersChallengeOrAnswerOrGrant) {
    const auto one = make("SN-1");
    const auto other = make("SN-2");
    auto check = value_of(begin(value_of(one->request())));
    auto others = value_of(begin(value_of(other->request())));
    EXPECT_EQ(name_of_error(one->answer(value_of(wire::encode(others.challenge())))), "wrong_challenge");
    const bytes answer = value_of(other->answer(value_of(wire::encode(others.challenge()))));
    EXPECT_EQ(name_of_error(check.finish(answer)), "wrong_answer");
    const auto grant = value_of(wire::encode(value_of(issuer.issue(value_of(others.finish(answer))))));
    EXPECT_EQ(name_of_error(one->accept(grant)), "wrong_grant");
    // The same certificates, said to answer this request.
    const auto hash = check.challenge().request_hash;
    EXPECT_EQ(name_of_error(one->accept(changed<unit_grant>(grant, [&](auto& m) { m.request_hash = hash; }))), "wrong_grant");
}

TEST_F(SoftwareUnit, HasNoAttestationKey) {
    const auto one = make("SN-1");
    auto check = value_of(begin(value_of(one->request())));
    const auto proof = value_of(check.finish(value_of(one->answer(value_of(wire::encode(check.challenge()))))));
    const auto grant = value_of(issuer.issue(proof));
    EXPECT_TRUE(grant.attestation.empty());
    const bytes octets = value_of(wire::encode(grant));
    EXPECT_TRUE(value_of(one->accept(octets)).attestation.empty());
    EXPECT_EQ(name_of_error(one->accept(changed<unit_grant>(octets, [](auto& m) { m.attestation = m.identity.items; }))),
              "wrong_grant");
}

TEST_F(SoftwareUnit, AKemKeyThatIsNotItsOwn) {
    const auto one = make("SN-1");
    const auto theirs = test::kem_key("somebody else's");
    const bytes request =
        changed<unit_request>(value_of(one->request()), [&](auto& m) { m.kem_key = der_field(theirs.public_key().spki()); });
    auto check = value_of(begin(request));
    // It cannot open what was sealed to the other key, and guesses.
    unit_answer guess;
    guess.serial = check.challenge().serial;
    guess.request_hash = check.challenge().request_hash;
    EXPECT_EQ(name_of_error(check.finish(value_of(wire::encode(guess)))), "possession_unconfirmed");
}

TEST_F(SoftwareUnit, RequestsThatAreNone) {
    const bytes request = value_of(make("SN-1")->request());
    const auto refused_as = [&](auto change) { return name_of_error(begin(changed<unit_request>(request, change))); };
    EXPECT_EQ(refused_as([](auto& m) { m.version = 9; }), "unsupported_version");
    EXPECT_EQ(refused_as([](auto& m) { m.serial = serial_field(as_bytes("SN-2")); }), "bad_serial");
    EXPECT_EQ(refused_as([](auto& m) { m.backend = name_field(as_bytes("paper")); }), "unknown_backend");
    EXPECT_EQ(refused_as([](auto& m) { m.backend = name_field(as_bytes("tpm2")); }), "tpm_claim_missing");
    EXPECT_EQ(refused_as([](auto& m) { m.kem_key = der_field(bytes(20)); }), "kem_key_invalid");
    EXPECT_EQ(refused_as([](auto& m) { m.identity.value.back() ^= 1; }), "bad_signature");
    EXPECT_EQ(name_of_error(begin(bytes_view(request).first(20))), "malformed");
    bytes longer = request;
    longer.push_back(0);
    EXPECT_EQ(name_of_error(begin(longer)), "malformed");
}

}  // namespace

}  // namespace berth::factory
