// An LDevID's key in the device's TPM, shown to a customer who knows the device's maker, and no TPM's.
#include "factory/identity_claim.h"
#include "factory/ldevid_residency.h"
#include "factory/tpm_ldevid.h"
#include "keystore/software.h"
#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/keys.h"
#include "tpm_fixture.h"

namespace berth::factory {

namespace {

using attestation::public_area;

constexpr uint32_t ldevid_handle = 0x81000002;

class LdevidResidency : public TpmUnits {
protected:
    void SetUp() override {
        TpmUnits::SetUp();
        if (IsSkipped()) {
            return;
        }
        const auto device = make(in);
        auto check = value_of(begin(value_of(device->request())));
        const auto proof = value_of(check.finish(value_of(device->answer(sent(check)))));
        chain = value_of(device->accept(value_of(wire::encode(value_of(issuer.issue(proof)))))).identity;
        identity = value_of(signing_key_at(in, devid_layout().idevid));
        const auto root = value_of(open_storage_root(in));
        const auto wrapped = value_of(create_child(root.key, owners_key()));
        ASSERT_TRUE(make_persistent(value_of(load(root.key, wrapped)), ldevid_handle));
        ldevid = value_of(signing_key_at(in, ldevid_handle));
    }
    static public_area owners_key() {
        using namespace attestation;
        public_area out;
        out.attributes = fixed_tpm | fixed_parent | sensitive_data_origin | user_with_auth | no_da | sign;
        out.curve = tpm_curve::p256;
        out.scheme = tpm_alg::ecdsa;
        out.scheme_hash = tpm_alg::sha256;
        return out;
    }
    tpm_ldevid place() const { return {in, ldevid_handle, chain.front()}; }
    // A request with a claim, whatever it says: the device's software signs anything.
    bytes ask(const ldevid_tpm_claim& claim, const keystore::signing_key& key) {
        return value_of(ask_ldevid({"SN-1", chain, *identity, key, claim}));
    }
    ldevid_candidate verify(bytes_view request) const {
        return value_of(
            ldevid_candidate::verify(request, value_of(pki::trust_store::from_root(issuer.root.certificate)), test::test_now));
    }
    template <class Change>
    std::string begun(Change change) {
        auto claim = value_of(claim_ldevid(place()));
        change(claim);
        return name_of_error(ldevid_residency::begin(verify(ask(claim, *ldevid)), random));
    }

    std::vector<pki::certificate> chain;
    keystore::signing_key_ptr identity, ldevid;
};

TEST_F(LdevidResidency, IsProvedAndStandsInTheCertificate) {
    const bytes request = ask(value_of(claim_ldevid(place())), *ldevid);
    const auto device = verify(request);
    const auto asked = value_of(ldevid_residency::begin(device, random));
    const bytes challenge = value_of(wire::encode(asked.challenge()));
    EXPECT_EQ(name_of_error(answer_ldevid(place(), bytes{1}, challenge)), "wrong_challenge");
    const bytes answer = value_of(answer_ldevid(place(), request, challenge));
    // The answer comes as a file, to another process than the one that asked.
    auto later = value_of(ldevid_residency::restore(device, asked.save()));
    auto shown = later.finish(answer);
    ASSERT_TRUE(shown) << shown.error().message;
    EXPECT_EQ(name_of_error(later.finish(answer)), "wrong_answer") << "once";
    const std::vector<pki::certificate> above{issuer.post_quantum.certificate};
    const auto grant = value_of(issue_ldevid(device, std::optional(std::move(*shown)), {above, issuer.post_quantum.key},
                                             {test::test_now - 60, test::test_now + test::day}, random));
    const auto leaf = value_of(pki::certificate::parse(grant.ldevid.items.front().view()));
    EXPECT_EQ(leaf.policies(), (std::vector<std::string>{"2.23.133.11.1.1", "2.23.133.11.1.2"}));
    EXPECT_TRUE(same_octets(leaf.spki(), ldevid->public_key().spki()));
    // What was shown for this request is nothing for another.
    const auto other = verify(ask(value_of(claim_ldevid(place())), *ldevid));
    auto again = value_of(ldevid_residency::begin(device, random));
    auto proof = value_of(again.finish(value_of(answer_ldevid(place(), request, value_of(wire::encode(again.challenge()))))));
    EXPECT_EQ(name_of_error(issue_ldevid(other, std::optional(std::move(proof)), {above, issuer.post_quantum.key},
                                         {test::test_now - 60, test::test_now + test::day}, random)),
              "wrong_request");
}

TEST_F(LdevidResidency, ClaimsThatAreNotOfTheDevicesTpm) {
    EXPECT_EQ(begun([](auto&) {}), "accepted");
    EXPECT_EQ(begun([&](auto& c) { c.endorsement_certificate = der_field(issuer.classical.certificate.der()); }), "ek_mismatch")
        << "the maker's IDevID names another";
    EXPECT_EQ(begun([](auto& c) { c.endorsement_certificate = der_field(bytes(3, 0x30)); }), "bad_certificate");
    EXPECT_EQ(begun([](auto& c) { c.attestation_key = c.ldevid_key; }), "not_an_attestation_key");
    EXPECT_EQ(begun([](auto& c) { c.ldevid_key = c.attestation_key; }), "key_mismatch");
    const bytes without = value_of(ask_ldevid({"SN-1", chain, *identity, *ldevid}));
    EXPECT_EQ(name_of_error(ldevid_residency::begin(verify(without), random)), "tpm_claim_missing");
}

// The device's software has a key of its own certified, and everything else is its TPM's: the TPM does not say it of that key.
TEST_F(LdevidResidency, AKeyThatIsInNoTpm) {
    const auto own = keystore::software_signing_key(test::signature_key("in a file"));
    auto claim = value_of(claim_ldevid(place()));
    auto area = value_of(public_area::parse(claim.ldevid_key.view()));
    const bytes spki = to_bytes(own->public_key().spki());
    area.x.assign(spki.end() - 64, spki.end() - 32);
    area.y.assign(spki.end() - 32, spki.end());
    claim.ldevid_key = tpm_field(area.encode());
    const bytes request = ask(claim, *own);
    auto asked = value_of(ldevid_residency::begin(verify(request), random));
    const bytes answer = value_of(answer_ldevid(place(), request, value_of(wire::encode(asked.challenge()))));
    EXPECT_EQ(name_of_error(asked.finish(answer)), "attestation_other_key");
}

TEST_F(LdevidResidency, AnswersThatAreStaleOrChanged) {
    const bytes request = ask(value_of(claim_ldevid(place())), *ldevid);
    const auto device = verify(request);
    auto first = value_of(ldevid_residency::begin(device, random));
    const auto old = value_of(
        wire::decode<ldevid_answer>(value_of(answer_ldevid(place(), request, value_of(wire::encode(first.challenge()))))));
    const auto with = [&](auto change) {
        auto asked = value_of(ldevid_residency::begin(device, random));
        const bytes fresh = value_of(answer_ldevid(place(), request, value_of(wire::encode(asked.challenge()))));
        return name_of_error(asked.finish(changed<ldevid_answer>(fresh, change)));
    };
    EXPECT_EQ(with([](auto&) {}), "accepted");
    EXPECT_EQ(with([&](auto& m) { m.activated = old.activated; }), "credential_not_activated");
    EXPECT_EQ(with([&](auto& m) { m.ldevid_key = old.ldevid_key; }), "attestation_stale");
    EXPECT_EQ(with([](auto& m) { m.ldevid_key.signature.value.back() ^= 1; }), "attestation_signature_invalid");
    EXPECT_EQ(with([](auto& m) { m.request_hash[0] ^= 1; }), "wrong_answer");
    EXPECT_EQ(with([](auto& m) { m.version = 2; }), "wrong_answer");
}

}  // namespace

}  // namespace berth::factory
