// All that a request asks for is told, and what cannot be told is refused.
#include "pki/csr.h"
#include "support/made_up_csr.h"

namespace berth::pki {

namespace {

using namespace test;

const crypto::signing_key& key() {
    static const auto made = signature_key("contents");
    return made;
}

std::string refusal(const bytes& der) {
    return name_of_error(verified_csr::parse(der));
}

const bytes key_usage_oid = hex("0603551d0f");
const bytes purposes_oid = hex("0603551d25");
const bytes names_oid = hex("0603551d11");
const bytes constraints_oid = hex("0603551d13");

TEST(CsrContents, EverythingAskedForIsTold) {
    csr_template t;
    t.subject.add("CN", "dev");
    t.key_usage = static_cast<uint16_t>(digital_signature | key_agreement);
    t.extended_key_usages = {std::string(oid_client_auth), "1.3.6.1.4.1.99999.7"};
    t.other_extensions = {{"2.5.29.19", true, hex("30060101ff020103")}, {"1.3.6.1.4.1.99999.8", true, hex("0500")}};
    t.other_attributes = {{"1.3.6.1.1.1.1.22", {hex("1603616263")}}};
    const verified_csr csr = value_of(verified_csr::parse(value_of(build_csr(t, key()))));
    EXPECT_EQ(csr.asks().key_usage, t.key_usage);
    EXPECT_EQ(csr.asks().extended_key_usages, t.extended_key_usages);
    EXPECT_EQ(csr.asks().basic_constraints, (requested_basic_constraints{true, 3}));
    ASSERT_EQ(csr.asks().other_extensions.size(), 1u);
    EXPECT_EQ(csr.asks().other_extensions.front(), t.other_extensions.back());
    EXPECT_EQ(csr.asks().other_attributes, t.other_attributes);
    EXPECT_TRUE(same_octets(csr.asks().spki, key().public_key().spki()));
    EXPECT_NE(csr.asks().attribute("1.3.6.1.1.1.1.22"), nullptr);
    EXPECT_EQ(csr.asks().attribute("1.2.3"), nullptr);
}

TEST(CsrContents, NamesThatAreNotOursAreListed) {
    // iPAddress 192.0.2.1, rfc822Name, otherName 1.2.3, dNSName.
    const bytes names = tlv(0x30, concat({hex("8704c0000201"), hex("8103614062"), hex("a00906022a03a0030c0178"), hex("820161")}));
    const verified_csr csr =
        value_of(verified_csr::parse(request_of(common_name("a"), {asks_extensions({extension(names_oid, names)})}, key())));
    EXPECT_EQ(csr.alt_names().dns, std::vector<std::string>{"a"});
    EXPECT_EQ(csr.asks().other_alt_names, (std::vector<std::string>{"iPAddress", "rfc822Name", "otherName 1.2.3"}));
    EXPECT_EQ(csr.asks().alt_names_value, names);
}

// RFC 5280 4.2.1.12: "ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX)" (an empty one has stopped another CA: CVE-2026-40097);
// 4.2.1.3: at least one bit of keyUsage; 4.2.1.6: at least one name.
TEST(CsrContents, EmptyExtensionsAreRefused) {
    for (const bytes& one : {extension(purposes_oid, hex("3000")), extension(key_usage_oid, hex("030100")),
                             extension(key_usage_oid, hex("03020000")), extension(names_oid, hex("3000"))}) {
        EXPECT_EQ(refusal(request_of(common_name("a"), {asks_extensions({one})}, key())), "bad_csr") << to_hex(one);
    }
    EXPECT_EQ(refusal(request_of(common_name("a"), {asks_extensions({})}, key())), "bad_csr");
    EXPECT_EQ(refusal(request_of(common_name("a"), {sequence({der_extension_request, set({})})}, key())), "bad_csr");
}

TEST(CsrContents, MalformedExtensionsAreRefused) {
    for (const bytes& one : {extension(key_usage_oid, hex("0303070080ff")), extension(key_usage_oid, hex("0500")),
                             extension(key_usage_oid, hex("0303000040")),  // a bit that no keyUsage has
                             extension(purposes_oid, hex("30030601")), extension(constraints_oid, hex("300302020100")),
                             extension(constraints_oid, hex("30030201ff")), extension(names_oid, hex("3003820100")),
                             extension(names_oid, hex("300382016100"))}) {
        EXPECT_EQ(refusal(request_of(common_name("a"), {asks_extensions({one})}, key())), "bad_csr") << to_hex(one);
    }
}

// RFC 5280 4.2: "A certificate MUST NOT include more than one instance of a particular extension"; RFC 2985 5.4.2: "SINGLE VALUE
// TRUE".
TEST(CsrContents, WhatIsThereTwiceIsRefused) {
    const bytes usage = extension(key_usage_oid, hex("03020780"));
    EXPECT_EQ(refusal(request_of(common_name("a"), {asks_extensions({usage})}, key())), "accepted");
    EXPECT_EQ(refusal(request_of(common_name("a"), {asks_extensions({usage, usage})}, key())), "bad_csr");
    EXPECT_EQ(refusal(request_of(common_name("a"), {asks_extensions({usage}), asks_extensions({usage})}, key())), "bad_csr");
    const bytes list = tlv(0x30, usage);
    EXPECT_EQ(refusal(request_of(common_name("a"), {sequence({der_extension_request, set({list, list})})}, key())), "bad_csr");
    const bytes password = hex("1303616263");
    EXPECT_EQ(refusal(request_of(common_name("a"), {sequence({der_challenge, set({password, password})})}, key())), "bad_csr");
}

// RFC 5280 appendix A.1: "ub-common-name INTEGER ::= 64".
TEST(CsrContents, SubjectsAreTextOfBoundedLength) {
    EXPECT_EQ(refusal(request_of(common_name(std::string(64, 'a')), {}, key())), "accepted");
    EXPECT_EQ(refusal(request_of(common_name(std::string(65, 'a')), {}, key())), "bad_csr");
    EXPECT_EQ(refusal(request_of(common_name(""), {}, key())), "bad_csr");
    EXPECT_EQ(refusal(request_of(common_name(std::string_view("good\0.evil", 10)), {}, key())), "bad_csr");
    EXPECT_EQ(refusal(request_of(common_name("line\nline"), {}, key())), "bad_csr");
    EXPECT_EQ(refusal(request_of(common_name("\xff\xfe"), {}, key())), "bad_csr");  // no UTF-8
    EXPECT_EQ(refusal(request_of(common_name("a", 0x02), {}, key())), "bad_csr");   // an INTEGER
    EXPECT_EQ(refusal(request_of(common_name("\xc3\xa9t\xc3\xa9"), {}, key())), "accepted");
    // 64 characters of two octets each.
    std::string long_one;
    for (int i = 0; i < 64; ++i) {
        long_one += "\xc3\xa9";
    }
    EXPECT_EQ(refusal(request_of(common_name(long_one), {}, key())), "accepted");
}

// RFC 2986 4.1: "version [...] shall be 0".
TEST(CsrContents, OtherVersionsAreRefused) {
    EXPECT_EQ(refusal(request_of(common_name("a"), {}, key(), {2, 1, 1})), "bad_csr");
}

TEST(CsrContents, TooLargeOnesAreNotParsed) {
    EXPECT_EQ(refusal(tlv(0x30, bytes(1024 * 1024))), "bad_csr");
    const bytes value = tlv(0x04, bytes(1024 * 1024));
    EXPECT_EQ(refusal(request_of(common_name("a"), {sequence({hex("06022a03"), set({value})})}, key())), "bad_csr");
}

// For server-side key generation: RFC 7030 4.4.1.
TEST(CsrContents, WithoutProofTheStructureIsReadAllTheSame) {
    bytes der = request_of(common_name("a"), {}, key());
    der.back() ^= 1;
    EXPECT_EQ(value_of(parse_csr_contents(der)).name.attributes, distinguished_name().add("CN", "a").attributes);
    EXPECT_NE(refusal(der), "accepted");
    der.push_back(0);
    EXPECT_EQ(name_of_error(parse_csr_contents(der)), "bad_csr");
}

TEST(CsrContents, TemplatesThatMakeNoSenseAreRefused) {
    csr_template t;
    t.subject.add("CN", "a");
    const auto broken = [&](auto change) {
        csr_template copy = t;
        change(copy);
        return name_of_error(build_csr(copy, key()));
    };
    EXPECT_EQ(broken([](auto& c) { c.extended_key_usages = {"no oid"}; }), "bad_template");
    EXPECT_EQ(broken([](auto& c) { c.other_extensions = {{"1.2.", false, {}}}; }), "bad_template");
    EXPECT_EQ(broken([](auto& c) { c.other_attributes = {{"1.2.3", {}}}; }), "bad_template");
    EXPECT_EQ(broken([](auto& c) { c.other_attributes = {{"1.2.3", {hex("0405")}}}; }), "bad_template");
    EXPECT_EQ(broken([](auto&) {}), "accepted");
}

TEST(CsrContents, ACertificatesNamesAreComparedWithThoseOfARequest) {
    const auto root = make_root("names");
    certificate_template t = server_template("Acme", {"a.example", "b.example"}, usual);
    const certificate c = issue(root, t, key().public_key().spki());
    const certificate_names names = value_of(names_of(c));
    EXPECT_EQ(names.subject.attributes, t.subject.attributes);
    EXPECT_EQ(names.alt_names.dns, t.alt_names.dns);
    EXPECT_FALSE(names.alt_names_value.empty());
    EXPECT_TRUE(names.other_alt_names.empty());
}

}  // namespace

}  // namespace berth::pki
