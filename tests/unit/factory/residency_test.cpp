// Whether what a TPM says of a unit's keys is judged as the TCG has it.
#include "attestation/iak.h"
#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/nv.h"
#include "tpm_fixture.h"

namespace berth::factory {

namespace {

using Residency = TpmUnits;

TEST_F(Residency, IsProvedWithEachEndorsementKey) {
    for (const auto kind : {attestation::ek_kind::p384_high, attestation::ek_kind::rsa2048}) {
        SCOPED_TRACE(attestation::profile_of(kind).name);
        tpm_unit_settings settings;
        settings.endorsement = kind;
        const auto one = make(in, "SN-1", settings);
        auto check = value_of(begin(value_of(one->request())));
        const auto proof = check.finish(value_of(one->answer(sent(check))));
        ASSERT_TRUE(proof) << proof.error().name << ": " << proof.error().message;
        const auto granted = one->accept(value_of(wire::encode(value_of(issuer.issue(*proof)))));
        ASSERT_TRUE(granted) << granted.error().message;

        const pki::certificate& identity = granted->identity.front();
        EXPECT_EQ(identity.policies(), (std::vector<std::string>{"2.23.133.11.1.1", "2.23.133.11.1.2"}));
        ASSERT_TRUE(identity.permanent_id());
        EXPECT_EQ(identity.permanent_id()->assigner_oid, "2.23.133.12.1");
        EXPECT_EQ(identity.permanent_id()->value, to_hex(proof->endorsement()->sha256()));
        ASSERT_TRUE(identity.hardware_module_name());
        EXPECT_EQ(identity.hardware_module_name()->type_oid, "2.23.133.1.2");
        EXPECT_EQ(identity.not_after(), pki::no_expiry);
        EXPECT_TRUE(granted->kem.front().policies().empty()) << "no TPM holds its ML-KEM half";

        // The attestation key's certificate names the device and the TPM as the identity's does.
        ASSERT_EQ(granted->attestation.size(), 2U);
        const pki::certificate& iak = granted->attestation.front();
        EXPECT_TRUE(attestation::check_iak_certificate(iak));
        EXPECT_EQ(iak.subject(), identity.subject());
        EXPECT_EQ(iak.hardware_module_name(), identity.hardware_module_name());
        EXPECT_EQ(iak.hardware_module_name(), granted->kem.front().hardware_module_name());
        EXPECT_EQ(iak.permanent_id(), identity.permanent_id());
        EXPECT_EQ(iak.not_after(), pki::no_expiry);
        EXPECT_EQ(granted->attestation.back(), issuer.classical.certificate);
        EXPECT_TRUE(same_octets(iak.spki(), value_of(value_of(open_persistent(in, devid_layout().iak)).area().spki())));

        if (kind == attestation::ek_kind::p384_high) {
            ASSERT_TRUE(one->store_identity(identity));
            EXPECT_EQ(value_of(read_certificate(in, devid_layout().idevid_certificate)), to_bytes(identity.der()));
            EXPECT_TRUE(one->store_identity(identity)) << "an interrupted attempt is repeated";
        } else {
            EXPECT_EQ(name_of_error(one->store_identity(identity)), "nv_exists") << "another certificate is there, locked";
        }
        EXPECT_EQ(name_of_error(one->store_identity(granted->kem.front())), "certificate_too_large");
    }
}

TEST_F(Residency, AGrantVouchesForItsOwnAttestationKeyAndNoOther) {
    const auto one = make(in);
    auto check = value_of(begin(value_of(one->request())));
    const auto proof = value_of(check.finish(value_of(one->answer(sent(check)))));
    const bytes grant = value_of(wire::encode(value_of(issuer.issue(proof))));
    EXPECT_TRUE(one->accept(grant));
    const auto refused = [&](auto change) { return name_of_error(one->accept(changed<unit_grant>(grant, change))); };
    EXPECT_EQ(refused([](unit_grant& m) { m.attestation.items.clear(); }), "wrong_grant");
    EXPECT_EQ(refused([](unit_grant& m) { m.attestation.items.front() = m.identity.items.front(); }), "wrong_grant");
    const auto other = attestation::iak_certificate_template("Test", "SN-2", {"2.23.133.1.2", {1}}, {"00", ""}, test::usual);
    EXPECT_EQ(refused([&](unit_grant& m) {
                  m.attestation.items.front() = der_field(test::issue(issuer.classical, other, proof.attestation_spki()).der());
              }),
              "wrong_grant")
        << "another serial";
}

TEST_F(Residency, IsJudgedByWhatWasKept) {
    const auto one = make(in);
    const auto check = value_of(begin(value_of(one->request())));
    auto later = value_of(residency_check::restore(check.save(), policy));
    EXPECT_TRUE(later.finish(value_of(one->answer(sent(check)))));
}

TEST_F(Residency, AMakerThatIsNotKnown) {
    const bytes request = value_of(make(in)->request());
    policy.tpm_makers.reset();
    EXPECT_EQ(name_of_error(begin(request)), "tpm_maker_unknown");
    const auto stranger = test::make_root("another maker", crypto::signature_algorithm::ecdsa_p384_sha384);
    policy.tpm_makers = value_of(pki::trust_store::from_root(stranger.certificate));
    EXPECT_EQ(name_of_error(begin(request)), "unknown_issuer");
}

// The root of the TPM's maker is not in the bundle itself; somebody in it has cross-signed it.
TEST_F(Residency, AMakerThatWasCrossSigned) {
    const auto maker = value_of(pki::certificate::parse_pem(chip->read("ca/swtpm-localca-rootca-cert.pem")));
    const auto own = test::make_root("device maker", crypto::signature_algorithm::ecdsa_p384_sha384,
                                     {policy.now - test::day, policy.now + 30 * test::day});
    const auto crossed = pki::cross_sign(maker, policy.now - test::day, policy.now + test::day, own.certificate, own.key, random);
    ASSERT_TRUE(crossed) << crossed.error().message;
    EXPECT_TRUE(same_octets(crossed->subject_der(), maker.subject_der()));
    EXPECT_TRUE(same_octets(crossed->spki(), maker.spki()));
    pki::trust_store::contents trust;
    trust.anchors.push_back(own.certificate);
    trust.intermediates.push_back(*crossed);
    trust.intermediates.push_back(value_of(pki::certificate::parse_pem(chip->read("ca/issuercert.pem"))));
    policy.tpm_makers = value_of(pki::trust_store::build(trust));
    const auto judged = begin(value_of(make(in)->request()));
    EXPECT_TRUE(judged) << judged.error().message;
}

// What a thief of one TPM's certificate can do: name it beside keys of another TPM. The credential opens in one only.
TEST_F(Residency, KeysOfAnotherTpm) {
    const test::swtpm second(true);
    const auto there = connect(second);
    const auto genuine = make(in);
    const auto other = make(there, "SN-1");
    const auto stolen = value_of(wire::decode<unit_request>(value_of(genuine->request()))).tpm.items.front();
    const bytes request = changed<unit_request>(value_of(other->request()), [&](auto& m) {
        m.tpm.items.front().endorsement_certificate = stolen.endorsement_certificate;
    });
    auto check = value_of(begin(request));
    EXPECT_EQ(name_of_error(other->answer(sent(check))), "wrong_challenge") << "its own request was another";
    // Neither TPM opens it: this one has another endorsement key, the other another attestation key.
    const auto& challenge = check.challenge().tpm.items.front();
    const attestation::protected_credential both{challenge.credential_blob.value, challenge.encrypted_secret.value};
    for (const auto& tpm : {in, there}) {
        const object iak = value_of(open_persistent(tpm, devid_layout().iak));
        const object ek = value_of(create_endorsement_key(tpm, attestation::ek_kind::p384_high));
        EXPECT_EQ(name_of_error(activate_credential(iak, ek, attestation::ek_kind::p384_high, both)), "tpm_wrong_tpm");
    }
    unit_answer guess;
    guess.serial = check.challenge().serial;
    guess.request_hash = check.challenge().request_hash;
    guess.tpm.items.emplace_back().activated = wire::opaque<1, 64>(bytes(32));
    guess.tpm.items.front().identity_key = {tpm_field(bytes(1)), tpm_field(bytes(1))};
    EXPECT_EQ(name_of_error(check.finish(value_of(wire::encode(guess)))), "possession_unconfirmed");
}

TEST_F(Residency, RequestsThatSayOtherThanTheTpm) {
    const auto one = make(in);
    const bytes request = value_of(one->request());
    const auto refused_as = [&](auto change) {
        return name_of_error(begin(changed<unit_request>(request, [&](unit_request& m) { change(m.tpm.items.front()); })));
    };
    EXPECT_EQ(refused_as([](tpm_claim& c) { c.attestation_key = c.identity_key; }), "not_an_attestation_key")
        << "an unrestricted key signs forged attestations";
    EXPECT_EQ(refused_as([](tpm_claim& c) { c.identity_key = c.attestation_key; }), "key_mismatch");
    EXPECT_EQ(refused_as([](tpm_claim& c) { c.kem_half = wire::opaque<0, 1024>(c.identity_key.value); }), "key_mismatch");
    EXPECT_EQ(refused_as([](tpm_claim& c) { c.endorsement_certificate = der_field(bytes(3, 0x30)); }), "bad_certificate");
    EXPECT_EQ(refused_as([&](tpm_claim& c) { c.endorsement_certificate = der_field(issuer.classical.certificate.der()); }),
              "bad_certificate")
        << "a CA is no endorsement key";
    EXPECT_EQ(name_of_error(begin(changed<unit_request>(request, [](auto& m) { m.backend = name_field(as_bytes("software")); }))),
              "tpm_claim_unexpected");
}

// The identity key is certified by the TPM as it is; a request that gives it other attributes is about another key.
TEST_F(Residency, AnIdentityKeyWithOtherAttributes) {
    const auto one = make(in);
    const bytes request = changed<unit_request>(value_of(one->request()), [](unit_request& m) {
        auto area = value_of(attestation::public_area::parse(m.tpm.items.front().identity_key.view()));
        area.attributes |= attestation::no_da;
        m.tpm.items.front().identity_key = tpm_field(area.encode());
    });
    auto check = value_of(begin(request));
    EXPECT_EQ(name_of_error(one->answer(sent(check))), "wrong_challenge") << "the unit answers its own request only";
    // What the TPM says of its key, put under the forged request by somebody who has everything else.
    const auto freshness = check.challenge().tpm.items.front().freshness;
    const object iak = value_of(open_persistent(in, devid_layout().iak));
    const object key = value_of(open_persistent(in, devid_layout().idevid));
    const auto said = value_of(certify(key, iak, freshness));
    const auto forged = value_of(
        attestation::public_area::parse(value_of(wire::decode<unit_request>(request)).tpm.items.front().identity_key.view()));
    const auto judge = value_of(attestation::attestation_key::accept(iak.area()));
    EXPECT_TRUE(attestation::verify_certify(said, judge, freshness, key.area()));
    EXPECT_EQ(name_of_error(attestation::verify_certify(said, judge, freshness, forged)), "attestation_other_key");
}

TEST_F(Residency, AnswersThatAreStaleOrSwapped) {
    const auto one = make(in);
    const bytes request = value_of(one->request());
    auto first = value_of(begin(request));
    const bytes old = value_of(one->answer(sent(first)));
    const auto with = [&](auto change) {
        auto check = value_of(begin(request));
        const bytes fresh = value_of(one->answer(sent(check)));
        return name_of_error(check.finish(changed<unit_answer>(fresh, change)));
    };
    const auto before = value_of(wire::decode<unit_answer>(old));
    EXPECT_EQ(with([](unit_answer&) {}), "accepted");
    EXPECT_EQ(with([&](unit_answer& m) { m.tpm.items.front().activated = before.tpm.items.front().activated; }),
              "credential_not_activated");
    EXPECT_EQ(with([&](unit_answer& m) { m.tpm.items.front().identity_key = before.tpm.items.front().identity_key; }),
              "attestation_stale");
    EXPECT_EQ(with([&](unit_answer& m) { m.tpm.items.front().kem_half = before.tpm.items.front().kem_half; }),
              "attestation_stale");
    EXPECT_EQ(
        with([](unit_answer& m) { std::swap(m.tpm.items.front().identity_key, m.tpm.items.front().kem_half.items.front()); }),
        "attestation_other_key");
    EXPECT_EQ(with([](unit_answer& m) { m.tpm.items.front().identity_key.signature.value.back() ^= 1; }),
              "attestation_signature_invalid");
    EXPECT_EQ(with([](unit_answer& m) { m.tpm.items.front().kem_half.items.clear(); }), "wrong_answer");
    EXPECT_EQ(with([](unit_answer& m) { m.tpm.items.clear(); }), "wrong_answer");
}

TEST_F(Residency, ATpmWithoutCertificate) {
    const test::swtpm bare;
    const auto there = connect(bare);
    EXPECT_EQ(name_of_error(tpm_unit::make(there, {"SN-1", "m"}, {}, random)), "ek_without_certificate");
    EXPECT_TRUE(value_of(persistent_handles(there)).empty()) << "nothing was made";
    tpm_unit_settings p256;
    p256.endorsement = attestation::ek_kind::p256;
    EXPECT_EQ(name_of_error(tpm_unit::make(in, {"SN-1", "m"}, p256, random)), "ek_without_certificate");
}

// A factory that was interrupted repeats; the keys are the same, and with them the request's.
TEST_F(Residency, MakingItAgainFindsTheSameKeys) {
    const auto one = make(in);
    const auto again = value_of(tpm_unit::make(in, {"SN-1", "model-1"}, {}, random, one->sealed()));
    EXPECT_TRUE(same_octets(one->identity().public_key().spki(), again->identity().public_key().spki()));
    EXPECT_EQ(one->kem().public_key(), again->kem().public_key());
    const auto with_a_new_seed = make(in);
    EXPECT_FALSE(one->kem().public_key() == with_a_new_seed->kem().public_key());
}

}  // namespace

}  // namespace berth::factory
