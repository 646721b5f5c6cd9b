#include "ca/profile.h"

#include "support/ca_world.h"

namespace berth::ca {

namespace {

using test::a_device;
using test::a_key;
using test::name_of_error;
using test::operational_profile;
using test::value_of;

std::string field_of(const result<pki::certificate_template>& r) {
    if (r) {
        return "accepted";
    }
    for (const auto& [key, value] : r.error().params) {
        if (key == "field") {
            return r.error().name + " " + value;
        }
    }
    return r.error().name;
}

std::string filled(const asked& what, const profile& p = operational_profile()) {
    return field_of(fill(p, a_device(), what));
}

TEST(Profile, GatesOnWhatWasProved) {
    const profile p = operational_profile();
    requester who = a_device();
    EXPECT_EQ(name_of_error(require_entitled(p, who)), "accepted");
    who.proofs = {proof::idevid};
    EXPECT_EQ(name_of_error(require_entitled(p, who)), "not_entitled") << "half of what is asked for";
    who.proofs = {proof::secret};
    EXPECT_EQ(name_of_error(require_entitled(p, who)), "not_entitled");
    who.proofs = {proof::idevid, proof::secret};
    EXPECT_EQ(name_of_error(require_entitled(p, who)), "accepted");
    who.proofs = {proof::operational, proof::admin, proof::token, proof::basic};
    EXPECT_EQ(name_of_error(require_entitled(p, who)), "not_entitled") << "other proofs are no better ones";
    who.proofs = {};
    EXPECT_EQ(name_of_error(require_entitled(p, who)), "not_entitled");
    profile nobody = p;
    nobody.required = {};
    EXPECT_EQ(name_of_error(require_entitled(nobody, a_device())), "not_entitled");
}

TEST(Profile, GatesOnWhoseWordItIs) {
    profile p = operational_profile();
    p.proof_anchors = {a_device().anchor};
    EXPECT_EQ(name_of_error(require_entitled(p, a_device())), "accepted");
    p.proof_anchors = {a_device().issuer};
    EXPECT_EQ(name_of_error(require_entitled(p, a_device())), "accepted");
    p.proof_anchors = {key_hash{1}};
    EXPECT_EQ(name_of_error(require_entitled(p, a_device())), "not_entitled");
}

TEST(Profile, SubjectFollowsFromWhoAsks) {
    const auto made = value_of(fill(operational_profile(), a_device(), a_key()));
    EXPECT_EQ(made.subject.attributes,
              (std::vector<std::pair<std::string, std::string>>{{"serialNumber", "SN-1"}, {"O", "Birch"}}));
    EXPECT_EQ(made.alt_names.uris, std::vector<std::string>{pki::device_identity_uri(a_device().device.maker_root)});
    EXPECT_EQ(made.key_usage, pki::digital_signature);
    EXPECT_FALSE(made.is_ca);

    asked what = a_key();
    what.subject.add("serialNumber", "SN-1");
    EXPECT_EQ(filled(what), "accepted") << "who asks for his own name is given it";
    what.subject.attributes = {{"serialNumber", "SN-2"}};
    EXPECT_EQ(filled(what), "request_refused subject") << "another's identity";
    what.subject.attributes = {{"serialNumber", "SN-1"}, {"CN", "admin"}};
    EXPECT_EQ(filled(what), "request_refused subject") << "what would be dropped is refused";
    what.subject.attributes = {{"serialNumber", std::string("SN-1\0", 5)}};
    EXPECT_EQ(filled(what), "bad_name");
}

TEST(Profile, WhatARequestMayChoose) {
    profile p = operational_profile();
    p.may_ask = {{"OU"}, {".plant.example", "Host.example"}, {"urn:birch:"}};
    asked what = a_key();
    what.subject.add("OU", "Line 3");
    what.alt_names.dns = {"a.plant.example", "HOST.example"};
    what.alt_names.uris = {"urn:birch:pump"};
    const auto made = value_of(fill(p, a_device(), what));
    EXPECT_EQ(made.subject.attributes.back(), (std::pair<std::string, std::string>("OU", "Line 3")));
    EXPECT_EQ(made.alt_names.dns, what.alt_names.dns);
    EXPECT_EQ(made.alt_names.uris.back(), "urn:birch:pump");
    for (const char* bad : {"plant.example", "aplant.example", "a.plant.example.org", ".plant.example", "*.plant.example"}) {
        what.alt_names.dns = {bad};
        EXPECT_NE(filled(what, p), "accepted") << bad;
    }
    what.alt_names.dns = {};
    what.alt_names.uris = {"urn:cedar:pump"};
    EXPECT_EQ(filled(what, p), "request_refused subjectAltName");
    what.alt_names.uris = {};
    what.alt_names.hardware = pki::hardware_module{"1.2.3", {1}};
    EXPECT_EQ(filled(what, p), "request_refused subjectAltName");
    what.alt_names.hardware.reset();
    what.alt_names.permanent_id = pki::permanent_identifier{"me", {}};
    EXPECT_EQ(filled(what, p), "request_refused subjectAltName");
}

TEST(Profile, UsagesAreThoseOfTheProfileOrFewer) {
    profile p = operational_profile();
    p.key_usage = static_cast<uint16_t>(pki::digital_signature | pki::key_agreement);
    p.keys = {crypto::signature_algorithm::ecdsa_p256_sha256};
    p.extended_key_usages.emplace_back("1.2.3.4");
    asked what = a_key();
    what.key_usage = pki::digital_signature;
    what.extended_key_usages = {"1.2.3.4"};
    const auto made = value_of(fill(p, a_device(), what));
    EXPECT_EQ(made.key_usage, pki::digital_signature);
    EXPECT_EQ(made.extended_key_usages, std::vector<std::string>{"1.2.3.4"});
    what.key_usage = static_cast<uint16_t>(pki::digital_signature | pki::key_cert_sign);
    EXPECT_EQ(filled(what, p), "request_refused keyUsage");
    what.key_usage = uint16_t{0};
    EXPECT_EQ(filled(what, p), "request_refused keyUsage");
    what.key_usage = {};
    what.extended_key_usages = std::vector<std::string>{std::string(pki::oid_server_auth)};
    EXPECT_EQ(filled(what, p), "request_refused extendedKeyUsage");
    what.extended_key_usages = std::vector<std::string>{};
    EXPECT_EQ(filled(what, p), "request_refused extendedKeyUsage") << "an empty one is no certificate's";
}

TEST(Profile, NobodyBecomesACaByAsking) {
    asked what = a_key();
    what.is_ca = false;
    EXPECT_EQ(filled(what), "accepted");
    what.is_ca = true;
    EXPECT_EQ(filled(what), "request_refused basicConstraints");
    what.is_ca = {};
    what.path_length = 0;
    EXPECT_EQ(filled(what), "request_refused basicConstraints");
    what.path_length = {};
    what.not_understood = {"1.2.3.4.5"};
    EXPECT_EQ(filled(what), "request_refused 1.2.3.4.5");
}

TEST(Profile, CasHaveTheirPathLength) {
    profile p = operational_profile();
    p.is_ca = true;
    p.key_usage = static_cast<uint16_t>(pki::key_cert_sign | pki::crl_sign);
    p.path_length = 1;
    p.keys = {crypto::signature_algorithm::ecdsa_p256_sha256};
    EXPECT_EQ(name_of_error(check(p)), "accepted");
    asked what = a_key();
    what.is_ca = true;
    what.path_length = 0;
    EXPECT_EQ(value_of(fill(p, a_device(), what)).path_length, 0U);
    what.path_length = 2;
    EXPECT_EQ(filled(what, p), "request_refused basicConstraints");
    what.path_length = {};
    what.is_ca = false;
    EXPECT_EQ(filled(what, p), "request_refused basicConstraints");
}

TEST(Profile, KeysAreOfTheKindsAllowed) {
    EXPECT_EQ(filled(a_key("k", crypto::signature_algorithm::mldsa65)), "accepted");
    EXPECT_EQ(filled(a_key("k", crypto::signature_algorithm::ecdsa_p384_sha384)), "request_refused key");
    asked kem{to_bytes(test::kem_key("k").public_key().spki()), {}, {}};
    EXPECT_EQ(value_of(fill(operational_profile(), a_device(), kem)).key_usage, pki::key_encipherment);
    kem.key_usage = pki::digital_signature;
    EXPECT_EQ(filled(kem), "request_refused keyUsage");
    EXPECT_EQ(filled({{1, 2, 3}, {}, {}}), "bad_public_key");
    for (const char* name :
         {"p256", "p384", "mldsa44", "mldsa65", "mldsa87", "mlkem768", "mlkem1024", "mlkem768_p256", "mlkem1024_p384"}) {
        const auto kind = key_kind_named(name);
        ASSERT_TRUE(kind) << name;
        EXPECT_EQ(name_of(*kind), name);
    }
    EXPECT_FALSE(key_kind_named("rsa"));
}

TEST(Profile, WhatIsNoProfile) {
    const auto broken = [](const std::function<void(profile&)>& how) {
        profile p = operational_profile();
        how(p);
        return name_of_error(check(p));
    };
    EXPECT_EQ(name_of_error(check(operational_profile())), "accepted");
    EXPECT_EQ(broken([](profile& p) { p.name.clear(); }), "bad_profile");
    EXPECT_EQ(broken([](profile& p) { p.required.emplace_back(); }), "bad_profile") << "on no proof";
    EXPECT_EQ(broken([](profile& p) { p.keys.clear(); }), "bad_profile");
    EXPECT_EQ(broken([](profile& p) { p.lifetime = 0; }), "bad_profile");
    EXPECT_EQ(broken([](profile& p) { p.is_ca = true; }), "bad_profile");
    EXPECT_EQ(broken([](profile& p) { p.key_usage = pki::key_cert_sign; }), "bad_profile");
    EXPECT_EQ(broken([](profile& p) { p.key_usage = uint16_t{0}; }), "bad_profile");
    EXPECT_EQ(broken([](profile& p) { p.key_usage = pki::key_encipherment; }), "bad_profile") << "ML-DSA keys encipher nothing";
    EXPECT_EQ(broken([](profile& p) { p.path_length = 0; }), "bad_profile");
    EXPECT_EQ(broken([](profile& p) { p.extended_key_usages = {"clientAuth"}; }), "bad_profile");
    EXPECT_EQ(broken([](profile& p) { p.extended_key_usages = {std::string(pki::oid_any_extended_key_usage)}; }), "bad_profile");
    EXPECT_EQ(broken([](profile& p) {
                  p.subject = {};
                  p.names_maker = false;
              }),
              "bad_profile");
}

}  // namespace

}  // namespace berth::ca
