// Requests as the server's attributes want them (RFC 7030 4.5.2, RFC 9908).
#include "est/fill_request.h"

#include "support/made_up_csr.h"

namespace berth::est {

namespace {

using namespace test;

pki::csr_template own() {
    pki::csr_template t;
    t.subject.add("CN", "dev").add("O", "Acme").add("serialNumber", "SN-1");
    t.alt_names.dns = {"dev.example"};
    t.key_usage = pki::digital_signature;
    return t;
}

pki::csr_contents filled(const pki::csr_attributes& wanted, const std::optional<std::string>& binding = {}) {
    const auto t = value_of(fill_request(wanted, own(), binding));
    return value_of(pki::parse_csr_contents(value_of(pki::build_csr(t, signature_key("fill")))));
}
std::string refusal(const pki::csr_attributes& wanted) {
    return name_of_error(fill_request(wanted, own(), {}));
}

TEST(EstFillRequest, NothingWantedChangesNothing) {
    const auto asks = filled({});
    EXPECT_EQ(asks.name.attributes, own().subject.attributes);
    EXPECT_EQ(asks.alt_names.dns, own().alt_names.dns);
    EXPECT_EQ(asks.key_usage, own().key_usage);
    EXPECT_FALSE(asks.challenge_password);
}

// RFC 7030 4.5.2: what is not recognised is ignored.
TEST(EstFillRequest, UnknownAttributesArePassedOver) {
    pki::csr_attributes wanted;
    wanted.oids = {"1.3.6.1.1.1.1.22", "1.2.840.10045.4.3.3"};
    wanted.attributes = {{"1.2.3.4", {hex("0500")}}};
    EXPECT_TRUE(filled(wanted).other_attributes.empty());
}

TEST(EstFillRequest, TheChannelBindingGoesInWhereItIsWanted) {
    pki::csr_attributes wanted;
    wanted.oids = {std::string(pki::oid_challenge_password)};
    EXPECT_EQ(filled(wanted, "YmluZGluZw==").challenge_password, "YmluZGluZw==");
    EXPECT_EQ(refusal(wanted), "channel_binding_missing");
    EXPECT_FALSE(filled({}, "YmluZGluZw==").challenge_password);
}

// RFC 9908 3.2: concrete values of extensions, RFC 8994's subjectAltName for one.
TEST(EstFillRequest, GivenExtensionsStandAsTheyAreGiven) {
    const bytes names = sequence({tlv(0x82, text_of("given.example")), hex("a00906022a03a0030c0178")});
    pki::csr_attributes wanted;
    wanted.extensions = {{"2.5.29.17", true, names}, {"2.5.29.15", true, hex("030203a8")}, {"1.2.3.4", false, hex("0500")}};
    const auto asks = filled(wanted);
    EXPECT_EQ(asks.alt_names_value, names);
    EXPECT_EQ(asks.alt_names.dns, std::vector<std::string>{"given.example"});
    EXPECT_EQ(asks.key_usage, pki::digital_signature | pki::key_encipherment | pki::key_agreement);
    ASSERT_EQ(asks.other_extensions.size(), 1u);
    EXPECT_EQ(asks.other_extensions.front(), (pki::requested_extension{"1.2.3.4", false, hex("0500")}));
}

// RFC 9908 3.4: "the client is expected to use this value for the RDN, otherwise the client is expected to fill in a suitable
// value"; RDNs that are not in the template are not in the request.
TEST(EstFillRequest, ATemplateSaysWhatTheSubjectIs) {
    pki::csr_attributes wanted;
    wanted.form.emplace();
    wanted.form->subject = {{{"CN", std::nullopt}, {"OU", "myDept"}, {"OU", "myGroup"}}};
    EXPECT_EQ(filled(wanted).name.attributes,
              pki::distinguished_name().add("CN", "dev").add("OU", "myDept").add("OU", "myGroup").attributes);
    wanted.form->subject = {{{"CN", std::nullopt}, {"CN", std::nullopt}}};  // we have one
    EXPECT_EQ(refusal(wanted), "attribute_missing");
    wanted.form->subject = {{{"OU", std::nullopt}}};
    EXPECT_EQ(refusal(wanted), "attribute_missing");
    wanted.form->subject.reset();
    EXPECT_EQ(filled(wanted).name.attributes, own().subject.attributes);
    wanted.form->subject.emplace();
    EXPECT_TRUE(filled(wanted).name.attributes.empty());
}

TEST(EstFillRequest, GapsAreFilledOrNamed) {
    pki::csr_attributes wanted;
    wanted.form.emplace();
    wanted.form->extensions = {{"2.5.29.17", false, std::nullopt}, {"2.5.29.15", true, std::nullopt}};
    EXPECT_EQ(filled(wanted).alt_names.dns, own().alt_names.dns);
    wanted.form->extensions.push_back({"2.5.29.37", false, std::nullopt});  // we want no particular purpose
    const auto refused = fill_request(wanted, own(), {});
    EXPECT_EQ(name_of_error(refused), "attribute_missing");
    EXPECT_EQ(refused.error().params.front().second, "extension 2.5.29.37");
    // An empty iPAddress, or a directoryName without parts, is a gap too.
    for (const bytes& gap : {hex("8700"), hex("a4023000")}) {
        wanted.form->extensions = {{"2.5.29.17", false, sequence({gap})}};
        EXPECT_EQ(refusal(wanted), "attribute_missing");
    }
}

// RFC 9908 4: clients that understand both "MUST use the template only".
TEST(EstFillRequest, WithATemplateTheRestIsIgnored) {
    pki::csr_attributes wanted;
    wanted.extensions = {{"2.5.29.15", true, hex("03020780")}, {"1.2.3.4", false, hex("0500")}};
    wanted.key = pki::wanted(crypto::signature_algorithm::ecdsa_p384_sha384);
    wanted.form.emplace();
    EXPECT_TRUE(filled(wanted).other_extensions.empty());
    EXPECT_FALSE(key_wanted(wanted));
    wanted.form->key = pki::wanted(crypto::signature_algorithm::mldsa44);
    EXPECT_TRUE(pki::fits(*key_wanted(wanted), crypto::signature_algorithm::mldsa44));
}

TEST(EstFillRequest, TemplatesMayWantAttributes) {
    pki::csr_attributes wanted;
    wanted.form.emplace();
    wanted.form->attributes = {{"1.2.3.4", {hex("0500")}}};
    EXPECT_EQ(filled(wanted).other_attributes, wanted.form->attributes);
    wanted.form->attributes = {{"1.2.3.4", {}}};
    EXPECT_EQ(refusal(wanted), "attribute_missing");
    wanted.form->attributes = {{std::string(pki::oid_challenge_password), {}}};
    EXPECT_EQ(filled(wanted, "YQ==").challenge_password, "YQ==");
}

TEST(EstFillRequest, TheKeyThatIsWanted) {
    EXPECT_FALSE(key_wanted({}));
    pki::csr_attributes wanted;
    wanted.oids = {"1.2.3", "2.16.840.1.101.3.4.3.18"};  // ML-DSA-65, as a bare OID
    EXPECT_TRUE(pki::fits(*key_wanted(wanted), crypto::signature_algorithm::mldsa65));
    wanted.oids = {"2.16.840.1.101.3.4.4.2"};
    EXPECT_TRUE(pki::fits(*key_wanted(wanted), crypto::kem_algorithm::mlkem768));
    wanted.key = pki::wanted(crypto::signature_algorithm::ecdsa_p256_sha256);
    EXPECT_TRUE(pki::fits(*key_wanted(wanted), crypto::signature_algorithm::ecdsa_p256_sha256));
}

}  // namespace

}  // namespace berth::est
