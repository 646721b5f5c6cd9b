#include "pki/csr.h"
#include "pki/profiles.h"
#include "support/test_pki.h"

#include <gtest/gtest.h>

namespace berth::pki {

namespace {

using test::name_of_error;
using test::signature_key;
using test::value_of;

csr_template usual_request() {
    csr_template t;
    t.subject.add("O", "Acme").add("serialNumber", "SN-1");
    t.alt_names.uris = {"urn:berth:maker:00"};
    t.alt_names.dns = {"device.example"};
    t.alt_names.hardware = hardware_module{"1.3.6.1.4.1.99999.1", {7}};
    t.challenge_password = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
    return t;
}

TEST(Csr, EveryKindOfSignatureKey) {
    for (const auto alg : crypto::all_signature_algorithms) {
        SCOPED_TRACE(crypto::name_of(alg));
        const auto key = signature_key("csr", alg);
        const verified_csr csr = value_of(verified_csr::parse(value_of(build_csr(usual_request(), key))));
        EXPECT_EQ(csr.key(), key.public_key());
        EXPECT_EQ(csr.subject(), "serialNumber=SN-1,O=Acme");
        EXPECT_EQ(csr.attribute("serialNumber"), "SN-1");
        EXPECT_EQ(csr.attribute("CN"), std::nullopt);
        EXPECT_EQ(csr.alt_names().uris, usual_request().alt_names.uris);
        EXPECT_EQ(csr.alt_names().dns, usual_request().alt_names.dns);
        EXPECT_EQ(csr.alt_names().hardware, usual_request().alt_names.hardware);
        EXPECT_EQ(csr.challenge_password(), usual_request().challenge_password);
    }
}

TEST(Csr, ABareOneIsEnough) {
    const auto key = signature_key("bare");
    csr_template t;
    const verified_csr csr = value_of(verified_csr::parse(value_of(build_csr(t, key))));
    EXPECT_TRUE(csr.alt_names().empty());
    EXPECT_EQ(csr.challenge_password(), std::nullopt);
    EXPECT_TRUE(csr.name().attributes.empty());
}

TEST(Csr, WhatItsKeyDidNotSignIsRefused) {
    const bytes der = value_of(build_csr(usual_request(), signature_key("csr")));
    bytes changed = der;
    constexpr std::string_view serial = "SN-1";
    const auto at = std::search(changed.begin(), changed.end(), serial.begin(), serial.end());
    ASSERT_NE(at, changed.end());
    *at = 'X';
    EXPECT_EQ(name_of_error(verified_csr::parse(changed)), "bad_signature");
    changed = der;
    changed.back() ^= 1;
    EXPECT_NE(name_of_error(verified_csr::parse(changed)), "accepted");
}

TEST(Csr, WhatWasReadIsWhatIsProved) {
    const bytes der = value_of(build_csr(usual_request(), signature_key("csr")));
    const auto read = value_of(unproved_csr::parse(der));
    EXPECT_EQ(to_bytes(read.der()), der);
    const auto proved = value_of(verified_csr::prove(read));
    EXPECT_EQ(proved.key(), signature_key("csr").public_key());
    EXPECT_EQ(to_bytes(proved.der()), der);
    EXPECT_EQ(proved.asks().spki, read.asks().spki);
    EXPECT_EQ(proved.name().attributes, usual_request().subject.attributes);

    bytes changed = der;
    changed.back() ^= 1;
    EXPECT_EQ(name_of_error(verified_csr::prove(value_of(unproved_csr::parse(changed)))), "bad_signature");
    EXPECT_EQ(name_of_error(unproved_csr::parse({})), "bad_csr");
}

// Somebody else's request with one's own key put in.
TEST(Csr, AnotherKeyIsRefused) {
    const auto victims_key = signature_key("victim");
    const auto thiefs_key = signature_key("thief");
    bytes der = value_of(build_csr(usual_request(), victims_key));
    const bytes_view victim = victims_key.public_key().raw();
    const bytes_view thief = thiefs_key.public_key().raw();
    const auto at = std::search(der.begin(), der.end(), victim.begin(), victim.end());
    ASSERT_NE(at, der.end());
    std::copy(thief.begin(), thief.end(), at);
    EXPECT_EQ(name_of_error(verified_csr::parse(der)), "bad_signature");
}

TEST(Csr, ParsingIsStrict) {
    bytes der = value_of(build_csr(usual_request(), signature_key("csr")));
    der.push_back(0);
    EXPECT_EQ(name_of_error(verified_csr::parse(der)), "bad_csr");
    EXPECT_EQ(name_of_error(verified_csr::parse({})), "bad_csr");
    EXPECT_EQ(name_of_error(verified_csr::parse(as_bytes("nonsense"))), "bad_csr");
}

TEST(Csr, TemplatesThatMakeNoSenseAreRefused) {
    csr_template t = usual_request();
    t.challenge_password = "";
    EXPECT_EQ(name_of_error(build_csr(t, signature_key("csr"))), "bad_template");
    t.challenge_password = std::string(256, 'a');
    EXPECT_EQ(name_of_error(build_csr(t, signature_key("csr"))), "bad_template");
    t = usual_request();
    t.subject.add("nonsense", "a");
    EXPECT_EQ(name_of_error(build_csr(t, signature_key("csr"))), "bad_template");
}

}  // namespace

}  // namespace berth::pki
