// What servers want in requests: RFC 7030 4.5.2, RFC 8951 3.5, RFC 9908.
#include "pki/csr_attributes.h"

#include "support/made_up_csr.h"
#include "wire/base64.h"

namespace berth::pki {

namespace {

using namespace test;

csr_attributes read(std::string_view base64) {
    return value_of(csr_attributes::parse(value_of(wire::from_base64(base64))));
}
std::string refusal(const bytes& der) {
    return name_of_error(csr_attributes::parse(der));
}

const bytes template_oid = hex("060b2a864886f70d010910023d");
const bytes gaps_oid = hex("060b2a864886f70d010910023e");
bytes attribute(const bytes& oid, std::initializer_list<bytes_view> values) {
    return sequence({oid, tlv(0x31, concat(values))});
}
bytes with_template(std::initializer_list<bytes_view> fields) {
    return sequence({attribute(template_oid, {tlv(0x30, concat(fields))})});
}
const bytes version_1{2, 1, 0};
const bytes no_attributes = hex("a100");

// RFC 9908 5.1: an RFC 8994 subjectAltName, of a kind that is not ours.
TEST(CsrAttributes, AnExtensionRequestIsReadWithItsValue) {
    const csr_attributes a =
        read("MGgwZgYJKoZIhvcNAQkOMVkwVzBVBgNVHREBAf8ESzBJoEcGCCsGAQUFBwgKoDsWOXJmYzg5OTQrZmQ3MzlmYzIzYzM0NDAx"
             "MTIyMzM0NDU1MDAwMDAwMDArQGFjcC5leGFtcGxlLmNvbQ==");
    ASSERT_EQ(a.extensions.size(), 1u);
    EXPECT_EQ(a.extensions.front().oid, "2.5.29.17");
    EXPECT_TRUE(a.extensions.front().critical);
    EXPECT_FALSE(a.extensions.front().value->empty());
    EXPECT_TRUE(a.oids.empty());
}

// RFC 7030 4.5.2's own example, as RFC 9908 5.2 has it; further examples of RFC 9908 5.
TEST(CsrAttributes, KeysAndAlgorithms) {
    const csr_attributes ec = read("MDIGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiBgcrBgEBAQEWBggqhkjOPQQDAw==");
    EXPECT_TRUE(ec.wants_channel_binding());
    EXPECT_EQ(ec.oids, (std::vector<std::string>{"1.2.840.113549.1.9.7", "1.3.6.1.1.1.1.22", "1.2.840.10045.4.3.3"}));
    ASSERT_TRUE(ec.key);
    EXPECT_TRUE(fits(*ec.key, crypto::signature_algorithm::ecdsa_p384_sha384));
    EXPECT_FALSE(fits(*ec.key, crypto::signature_algorithm::ecdsa_p256_sha256));
    EXPECT_FALSE(fits(*ec.key, crypto::signature_algorithm::mldsa65));
    EXPECT_FALSE(fits(*ec.key, crypto::kem_algorithm::mlkem768));

    // 5.5: P-384 again, and the subject's serialNumber.
    const csr_attributes serial = read("MC4GCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiBgNVBAUGCCqGSM49BAMD");
    EXPECT_EQ(serial.key, ec.key);
    EXPECT_EQ(serial.oids[1], "2.5.4.5");

    const csr_attributes rsa = read("MCkGCSqGSIb3DQEJBzARBgkqhkiG9w0BAQExBAICEAAGCSqGSIb3DQEBCw==");
    EXPECT_EQ(rsa.key, (wanted_key{"1.2.840.113549.1.1.1", {}, 4096}));
    for (const auto alg : crypto::all_signature_algorithms) {
        EXPECT_FALSE(fits(*rsa.key, alg));
    }
}

// RFC 7030 4.5.2: "the client MUST ignore any OID or attribute it does not recognize"; RFC 9908 5.2 calls the example of RFC 7030
// "NOT CORRECT", and servers have copied it: OIDs where extensions belong.
TEST(CsrAttributes, WhatIsNotKnownIsKeptAsideAndNoError) {
    const csr_attributes a =
        read("MFQGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAjMCkGCSqGSIb3DQEJDjEcBgNVBAUGCSqGSIb3DQEJFAYKCZImiZPyLGQBBQYIKoZI"
             "zj0EAwQ=");
    EXPECT_TRUE(a.extensions.empty());
    ASSERT_EQ(a.attributes.size(), 1u);
    EXPECT_EQ(a.attributes.front().oid, oid_extension_request);
    EXPECT_EQ(a.attributes.front().values.size(), 3u);
}

TEST(CsrAttributes, AnEmptyListIsAnAnswer) {
    EXPECT_TRUE(value_of(csr_attributes::parse(hex("3000"))).empty());
    EXPECT_EQ(value_of(csr_attributes{}.encode()), hex("3000"));
}

csr_attributes everything() {
    csr_attributes a;
    a.oids = {std::string(oid_challenge_password)};
    a.attributes = {{"1.3.6.1.1.1.1.22", {hex("0500")}}};
    a.extensions = {{"2.5.29.15", true, hex("03020780")}};
    a.key = wanted(crypto::signature_algorithm::mldsa65);
    a.form.emplace();
    a.form->subject = {{{"CN", std::nullopt}, {"OU", "myDept"}, {"OU", "myGroup"}, {"1.2.3.4", std::nullopt}}};
    a.form->key = wanted(crypto::signature_algorithm::ecdsa_p256_sha256);
    a.form->extensions = {{"2.5.29.17", false, hex("3003820161")}, {"2.5.29.37", false, std::nullopt}};
    a.form->attributes = {{std::string(oid_challenge_password), {}}};
    return a;
}

TEST(CsrAttributes, WhatIsWrittenIsRead) {
    const csr_attributes a = everything();
    EXPECT_EQ(value_of(csr_attributes::parse(value_of(a.encode()))), a);
    csr_attributes rsa;
    rsa.key = wanted_key{"1.2.840.113549.1.1.1", {}, 2048};
    rsa.form.emplace();
    for (const uint32_t bits : {512u, 2047u, 2048u, 2049u, 3072u, 16'384u}) {
        rsa.form->key = wanted_key{"1.2.840.113549.1.1.1", hex("0500"), bits};
        EXPECT_EQ(value_of(csr_attributes::parse(value_of(rsa.encode()))), rsa);
    }
}

TEST(CsrAttributes, EveryKeyOfOursIsWanted) {
    for (const auto alg : crypto::all_signature_algorithms) {
        for (const auto other : crypto::all_signature_algorithms) {
            EXPECT_EQ(fits(wanted(alg), other), alg == other);
        }
    }
    for (const auto alg : crypto::all_kem_algorithms) {
        csr_attributes a;
        a.key = wanted(alg);
        EXPECT_TRUE(fits(*value_of(csr_attributes::parse(value_of(a.encode()))).key, alg));
    }
}

// RFC 9908 3.4, its example: a common name and an extKeyUsage to fill in, and an iPAddress.
TEST(CsrAttributes, TheTemplateOfTheRfcIsRead) {
    const bytes subject = sequence({set({sequence({der_cn})}), set({sequence({hex("060355040b"), tlv(0x0c, text_of("myDept"))})}),
                                    set({sequence({hex("060355040b"), tlv(0x0c, text_of("myGroup"))})})});
    const bytes key = tlv(0xa0, sequence({hex("06072a8648ce3d0201"), hex("06082a8648ce3d030107")}));
    const bytes names = sequence({tlv(0x82, text_of("www.myServer.com")), hex("8700")});
    const bytes extensions =
        sequence({extension(hex("0603551d11"), names), sequence({hex("0603551d0f"), hex("0101ff"), tlv(0x04, hex("03020388"))}),
                  sequence({hex("0603551d25")})});
    const bytes attributes = tlv(0xa1, attribute(gaps_oid, {extensions}));
    const csr_attributes a = value_of(csr_attributes::parse(with_template({version_1, subject, key, attributes})));
    ASSERT_TRUE(a.form);
    EXPECT_EQ(a.form->subject, (std::vector<wanted_name>{{"CN", std::nullopt}, {"OU", "myDept"}, {"OU", "myGroup"}}));
    EXPECT_TRUE(fits(*a.form->key, crypto::signature_algorithm::ecdsa_p256_sha256));
    ASSERT_EQ(a.form->extensions.size(), 3u);
    EXPECT_EQ(a.form->extensions[0].value, names);
    EXPECT_TRUE(a.form->extensions[1].critical);
    EXPECT_EQ(a.form->extensions[2], (wanted_extension{"2.5.29.37", false, std::nullopt}));
}

// RFC 9908 3.4: extensions that all have values "MUST" be an id-ExtensionReq.
TEST(CsrAttributes, OnlyGapsMakeAnExtensionTemplate) {
    csr_attributes a = everything();
    const auto has = [](const bytes& der, const bytes& oid) { return !std::ranges::search(der, oid).empty(); };
    EXPECT_TRUE(has(value_of(a.encode()), gaps_oid));
    a.form->extensions.pop_back();
    EXPECT_FALSE(has(value_of(a.encode()), gaps_oid));
    a.extensions.front().value.reset();
    EXPECT_EQ(name_of_error(a.encode()), "bad_template");
}

// RFC 9908 3.2: "There MUST be only one such attribute", "exactly one element", "MUST NOT include more than one element with a
// particular extnID".
TEST(CsrAttributes, ExtensionRequestsThatAreAmbiguousAreRefused) {
    const bytes one = extension(hex("0603551d0f"), hex("03020780"));
    const bytes request = attribute(der_extension_request, {tlv(0x30, one)});
    EXPECT_EQ(refusal(sequence({request})), "accepted");
    EXPECT_EQ(refusal(sequence({request, request})), "bad_csr_attributes");
    EXPECT_EQ(refusal(sequence({attribute(der_extension_request, {tlv(0x30, one), tlv(0x30, one)})})), "bad_csr_attributes");
    EXPECT_EQ(refusal(sequence({attribute(der_extension_request, {sequence({one, one})})})), "bad_csr_attributes");
    EXPECT_EQ(refusal(sequence({attribute(der_extension_request, {sequence({})})})), "bad_csr_attributes");
    EXPECT_EQ(refusal(sequence({attribute(der_extension_request, {})})), "bad_csr_attributes");
    // A gap where only a template may have one.
    EXPECT_EQ(refusal(sequence({attribute(der_extension_request, {sequence({sequence({hex("0603551d0f")})})})})),
              "bad_csr_attributes");
}

// RFC 9908 3.4: "The version field MUST contain v1 (0)"; "MUST NOT contain multiple id-aa-extensionReqTemplate attributes and
// MUST NOT contain both"; subjectPublicKey only for RSA.
TEST(CsrAttributes, TemplatesAgainstTheRulesAreRefused) {
    const bytes list = tlv(0x30, extension(hex("0603551d0f"), hex("03020780")));
    const bytes full = attribute(der_extension_request, {list});
    const bytes gaps = attribute(gaps_oid, {list});
    EXPECT_EQ(refusal(with_template({version_1, no_attributes})), "accepted");
    EXPECT_EQ(refusal(with_template({bytes{2, 1, 1}, no_attributes})), "bad_csr_attributes");
    EXPECT_EQ(refusal(with_template({version_1})), "bad_csr_attributes");
    EXPECT_EQ(refusal(with_template({version_1, no_attributes, hex("0500")})), "bad_csr_attributes");
    EXPECT_EQ(refusal(with_template({version_1, tlv(0xa1, concat({gaps, gaps}))})), "bad_csr_attributes");
    EXPECT_EQ(refusal(with_template({version_1, tlv(0xa1, concat({full, gaps}))})), "bad_csr_attributes");
    EXPECT_EQ(refusal(with_template({version_1, tlv(0xa1, full)})), "accepted");
    const bytes ec_with_key = tlv(0xa0, concat({sequence({hex("06072a8648ce3d0201")}), hex("03020000")}));
    EXPECT_EQ(refusal(with_template({version_1, ec_with_key, no_attributes})), "bad_csr_attributes");
    const bytes empty_rdn = sequence({set({})});
    EXPECT_EQ(refusal(with_template({version_1, empty_rdn, no_attributes})), "bad_csr_attributes");
    const bytes one = attribute(template_oid, {sequence({version_1, no_attributes})});
    EXPECT_EQ(refusal(sequence({one, one})), "bad_csr_attributes");
    EXPECT_EQ(refusal(sequence({attribute(template_oid, {})})), "bad_csr_attributes");
}

TEST(CsrAttributes, ParsingIsStrictAndBounded) {
    EXPECT_EQ(refusal({}), "bad_csr_attributes");
    EXPECT_EQ(refusal(hex("300000")), "bad_csr_attributes");
    EXPECT_EQ(refusal(hex("30020500")), "bad_csr_attributes");
    EXPECT_EQ(refusal(hex("3006060488888888")), "bad_csr_attributes");
    EXPECT_EQ(refusal(tlv(0x30, bytes(70'000))), "bad_csr_attributes");
    bytes many;
    for (int i = 0; i < 65; ++i) {
        append(many, hex("06022a03"));
    }
    EXPECT_EQ(refusal(tlv(0x30, many)), "bad_csr_attributes");
    EXPECT_EQ(refusal(tlv(0x30, bytes_view(many).subspan(4))), "accepted");
    // Two kinds of key at once.
    EXPECT_EQ(refusal(sequence({attribute(hex("06072a8648ce3d0201"), {}), attribute(hex("0609608648016503040311"), {})})),
              "bad_csr_attributes");
}

TEST(CsrAttributes, WhatCannotBeWrittenIsRefused) {
    const auto broken = [](auto change) {
        csr_attributes a = everything();
        change(a);
        return name_of_error(a.encode());
    };
    EXPECT_EQ(broken([](auto& a) { a.oids = {"x"}; }), "bad_template");
    EXPECT_EQ(broken([](auto& a) { a.key->rsa_bits = 2048; }), "bad_template");
    EXPECT_EQ(broken([](auto& a) { a.form->subject->front().attribute = "nonsense"; }), "bad_template");
    EXPECT_EQ(broken([](auto& a) { (*a.form->subject)[1].value = std::string(65, 'a'); }), "bad_template");
    EXPECT_EQ(broken([](auto&) {}), "accepted");
}

}  // namespace

}  // namespace berth::pki
