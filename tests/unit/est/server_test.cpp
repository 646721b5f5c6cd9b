// What an EST server answers to whom. Each refusal shows that the authority was not asked.
#include "est/client.h"
#include "made_up_authority.h"
#include "wire/base64.h"

namespace berth::est {

namespace {

using namespace test;

class EstServer : public ::testing::Test {
protected:
    answer ask(const http_request& request) { return serve(ca_, request, who_, over_); }
    answer enrol(const bytes& csr, const std::string& path = "simpleenroll") { return ask(posted(path, csr)); }
    bytes csr(const pki::csr_template& t) const { return value_of(pki::build_csr(t, key_)); }
    static pki::csr_template own() {
        pki::csr_template t;
        t.subject.add("O", "Acme").add("serialNumber", "SN-1");
        return t;
    }
    // Status and the error's name.
    using verdict = std::pair<unsigned, std::string>;
    verdict of(const answer& a) const { return {a.response.status, a.why ? a.why->name : ""}; }
    void expect_refused(const answer& a, unsigned status, const std::string& name) {
        EXPECT_EQ(of(a), verdict(status, name));
        EXPECT_EQ(ca_.asked, 0);
        EXPECT_EQ(parse_media_type(a.response.headers.get("Content-Type"))->type, "text/plain");
        EXPECT_FALSE(a.response.body.empty());
        EXPECT_FALSE(a.certificate);
    }

    made_up_authority ca_;
    const crypto::signing_key key_ = signature_key("to be certified");
    const crypto::signing_key idevid_ = signature_key("idevid");
    requester who_ = device(ca_, "SN-1", idevid_);
    channel over_ = exporting();
};

// RFC 7030 4.1.2, 4.1.3; nobody has to say who he is.
TEST_F(EstServer, CaCertificatesAreForEverybody) {
    who_ = {};
    const answer a = ask(got("cacerts"));
    EXPECT_EQ(a.response.status, 200u);
    EXPECT_EQ(a.response.headers.get("Content-Type"), "application/pkcs7-mime");
    EXPECT_EQ(std::ranges::count(a.response.body, '\n'), 1);
    const auto bundle = value_of(pki::parse_certs_only(value_of(unframed(a.response.body, most_response))));
    EXPECT_EQ(bundle.certificates, std::vector{ca_.root.certificate});
}

TEST_F(EstServer, LibestIsAnsweredInLines) {
    http_request request = got("cacerts");
    request.headers.add("User-Agent", "libest 1.0");
    const std::string body = ask(request).response.body;
    EXPECT_EQ(body.find('\n'), 76u);
}

TEST_F(EstServer, InformationMayBeClosed) {
    ca_.usual.public_information = false;
    who_ = {};
    expect_refused(ask(got("cacerts")), 403, "forbidden");
    expect_refused(ask(got("csrattrs")), 403, "forbidden");
}

// RFC 7030 4.5.2: 204 where there is nothing to say.
TEST_F(EstServer, AttributesAreToldOrAreNone) {
    who_ = {};
    EXPECT_EQ(ask(got("csrattrs")).response.status, 204u);
    ca_.wanted.key = pki::wanted(crypto::signature_algorithm::mldsa65);
    const answer a = ask(got("csrattrs"));
    EXPECT_EQ(a.response.status, 200u);
    EXPECT_EQ(a.response.headers.get("Content-Type"), "application/csrattrs");
    EXPECT_EQ(value_of(pki::csr_attributes::parse(value_of(unframed(a.response.body)))), ca_.wanted);
}

// RFC 7030 4.5.2: who requires the link "MUST include" the challengePassword's OID; in a template too (RFC 9908).
TEST_F(EstServer, ARequiredBindingIsToldInTheAttributes) {
    ca_.usual.binding = binding_rule::required;
    const auto told = [this] {
        return value_of(pki::csr_attributes::parse(value_of(unframed(ask(got("csrattrs")).response.body))));
    };
    EXPECT_TRUE(told().wants_channel_binding());
    ca_.wanted.form.emplace();
    EXPECT_EQ(told().form->attributes.front().oid, pki::oid_challenge_password);
}

// RFC 7030 4.2.3: certs-only with the issued certificate alone.
TEST_F(EstServer, SimpleEnrolmentIssues) {
    const answer a = enrol(csr(own()));
    ASSERT_EQ(of(a), verdict(200, ""));
    EXPECT_EQ(a.response.headers.get("Content-Type"), "application/pkcs7-mime; smime-type=certs-only");
    const auto bundle = value_of(pki::parse_certs_only(value_of(unframed(a.response.body, most_response))));
    ASSERT_EQ(bundle.certificates.size(), 1u);
    EXPECT_TRUE(same_octets(bundle.certificates.front().spki(), key_.public_key().spki()));
    EXPECT_EQ(bundle.certificates.front(), a.certificate);
    EXPECT_EQ(ca_.asked, 1);
    EXPECT_EQ(ca_.replaced, "");
}

TEST_F(EstServer, LibestSendsLinesOf64) {
    http_request request = posted("simpleenroll", csr(own()));
    request.body = framed(csr(own()), framing::lines_64);
    EXPECT_EQ(ask(request).response.status, 200u);
    // RFC 8951 3: what this header says is ignored.
    request.headers.add("Content-Transfer-Encoding", "binary");
    EXPECT_EQ(ask(request).response.status, 200u);
}

TEST_F(EstServer, EverySignatureKeyUpToMlDsa87) {
    for (const auto alg : crypto::all_signature_algorithms) {
        const bytes der = value_of(pki::build_csr(own(), signature_key("big", alg)));
        EXPECT_EQ(of(enrol(der)), verdict(200, "")) << crypto::name_of(alg);
    }
}

// CVE-2026-30836 was a message whose type was looked at before who sent it.
TEST_F(EstServer, WhoAsksIsJudgedBeforeWhatIsAsked) {
    who_ = {};
    http_request request = posted("simpleenroll", {});
    request.headers = {};
    request.body = std::string(1'000'000, '?');
    const answer a = ask(request);
    expect_refused(a, 401, "unauthenticated");
    EXPECT_EQ(a.response.headers.get("WWW-Authenticate"), "Basic realm=\"est\", charset=\"UTF-8\"");
    request.path = "/.well-known/est/simplereenroll";
    expect_refused(ask(request), 403, "forbidden");
    request.path = "/.well-known/est/strict/simpleenroll";
    who_ = device(ca_, "SN-1", idevid_);
    expect_refused(ask(request), 403, "forbidden");
}

TEST_F(EstServer, AnApplicationsCertificateEnrolsNoDevice) {
    who_ = device(ca_, "SN-1", idevid_, trust_class::operational);
    // Who has shown who he is is told what it takes, and the log in any case.
    const answer wanted = enrol(csr(own()));
    expect_refused(wanted, 401, "unauthenticated");
    EXPECT_NE(wanted.response.body.find("it takes a certificate (idevid), or a name and password"), std::string::npos)
        << wanted.response.body;
    ca_.usual.access.pop_back();  // no passwords
    const answer other = enrol(csr(own()));
    expect_refused(other, 403, "forbidden");
    EXPECT_NE(other.response.body.find("may not do this (simpleenroll without a label): it takes a certificate (idevid)."),
              std::string::npos)
        << other.response.body;
    who_ = {};
    const answer nobody = enrol(csr(own()));
    expect_refused(nobody, 403, "forbidden");
    EXPECT_EQ(nobody.response.body.find("idevid"), std::string::npos) << nobody.response.body;
    const auto& told = nobody.why->params;
    EXPECT_NE(std::ranges::find(told, std::pair<std::string, std::string>("needed", "a certificate (idevid)")), told.end());
    EXPECT_NE(std::ranges::find(told, std::pair<std::string, std::string>("shown", "nothing")), told.end());
}

TEST_F(EstServer, WhatIsNotThere) {
    expect_refused(ask(got("nothing")), 404, "not_found");
    expect_refused(ask(got("label/cacerts")), 404, "not_found");
    expect_refused(enrol(csr(own()), "fullcmc"), 501, "not_implemented");
    const answer a = ask(got("simpleenroll"));
    expect_refused(a, 405, "method_not_allowed");
    EXPECT_EQ(a.response.headers.get("Allow"), "POST");
}

// RFC 7030 4.2.1: "application/pkcs10".
TEST_F(EstServer, OtherMediaTypesAreRefused) {
    for (const char* kind :
         {"", "application/pkcs7-mime", "text/plain", "application/pkcs10x", "pkcs10", "application/x-pkcs10"}) {
        http_request request = posted("simpleenroll", csr(own()));
        request.headers = {};
        request.headers.add("Content-Type", kind);
        expect_refused(ask(request), 415, "unsupported_media_type");
    }
    http_request request = posted("simpleenroll", csr(own()));
    request.headers = {};
    request.headers.add("content-type", "Application/PKCS10; charset=us-ascii");
    EXPECT_EQ(ask(request).response.status, 200u);
}

TEST_F(EstServer, BodiesThatAreNoRequestAreRefused) {
    http_request request = posted("simpleenroll", {});
    const auto body = [&](std::string text) {
        request.body = std::move(text);
        return ask(request);
    };
    expect_refused(body(""), 400, "bad_base64");
    expect_refused(body("{}"), 400, "bad_base64");
    expect_refused(body("AAAA"), 400, "bad_csr");
    expect_refused(body(std::string(as_text(csr(own())))), 400, "bad_base64");
    expect_refused(body(std::string(1024 * 1024, 'A')), 413, "too_large");
    expect_refused(body(framed(concat({csr(own()), bytes{0}}), framing::one_line)), 400, "bad_csr");
}

TEST_F(EstServer, PossessionIsProved) {
    bytes der = csr(own());
    der.back() ^= 1;
    expect_refused(enrol(der), 400, "bad_signature");
    expect_refused(enrol(request_of(common_name("SN-1"), {asks_extensions({extension(hex("0603551d25"), hex("3000"))})}, key_)),
                   400, "bad_csr");
}

// Dogtag PR#4982: subject and SAN were not tied to who asked.
TEST_F(EstServer, AnothersIdentityIsNotEnrolled) {
    pki::csr_template t = own();
    t.subject.attributes.back().second = "SN-2";
    expect_refused(enrol(csr(t)), 403, "name_not_permitted");
    t = own();
    t.alt_names.dns = {"registrar.example"};
    expect_refused(enrol(csr(t)), 403, "name_not_permitted");
    t.alt_names.dns = {"*.example"};
    expect_refused(enrol(csr(t)), 403, "bad_dns_name");
    expect_refused(enrol(request_of(common_name(std::string_view("SN-1\0x", 6)), {}, key_)), 400, "bad_csr");
    expect_refused(enrol(request_of(common_name(std::string(65, 'a')), {}, key_)), 400, "bad_csr");
}

// opencertserver #64: extensions of requests were dropped without a word.
TEST_F(EstServer, WhatIsNotIssuedIsRefusedByName) {
    pki::csr_template t = own();
    t.other_extensions = {{"1.3.6.1.4.1.99999.8", false, hex("0500")}};
    const answer a = enrol(csr(t));
    expect_refused(a, 400, "unsupported_extension");
    EXPECT_NE(a.response.body.find("1.3.6.1.4.1.99999.8"), std::string::npos);
    ca_.usual.known_extensions = {"1.3.6.1.4.1.99999.8"};
    EXPECT_EQ(enrol(csr(t)).response.status, 200u);

    ca_.asked = 0;
    t = own();
    t.other_attributes = {{"1.2.840.113549.1.9.15", {hex("3000")}}};  // smimeCapabilities
    expect_refused(enrol(csr(t)), 400, "unsupported_attribute");
    ca_.usual.known_attributes = {"1.2.840.113549.1.9.15"};
    EXPECT_EQ(enrol(csr(t)).response.status, 200u);
}

// The last line of defence against an authority that drops fields, or takes another key.
TEST_F(EstServer, AnAuthorityThatDropsFieldsIsFoundOut) {
    ca_.usual.access[0].trust = any_class;
    who_.any_name = true;
    pki::csr_template t = own();
    t.alt_names.dns = {"a.example"};
    ca_.drops_names = true;
    const answer a = enrol(csr(t));
    EXPECT_EQ(of(a), verdict(500, "not_honoured"));
    EXPECT_EQ(a.response.body.find("a.example"), std::string::npos);
    ca_.drops_names = false;
    ca_.wrong_key = true;
    EXPECT_EQ(of(enrol(csr(t))), verdict(500, "wrong_key"));
}

// RFC 7030 3.5, RFC 9266.
TEST_F(EstServer, ChannelBinding) {
    pki::csr_template bound = own();
    bound.challenge_password = value_of(challenge_password_for(over_));
    EXPECT_EQ(*bound.challenge_password, wire::base64(as_bytes("0123456789abcdef0123456789abcdef")));
    pki::csr_template elsewhere = own();
    elsewhere.challenge_password = value_of(challenge_password_for(exporting("another connection's 32 octets..")));
    pki::csr_template cut = own();
    cut.challenge_password = bound.challenge_password->substr(0, 8);

    for (const auto rule : {binding_rule::if_present, binding_rule::required}) {
        ca_.usual.binding = rule;
        ca_.asked = 0;
        // RFC 7030 3.5: where it is there, it "MUST" be verified, required or not.
        expect_refused(enrol(csr(elsewhere)), 400, "channel_binding_wrong");
        expect_refused(enrol(csr(cut)), 400, "channel_binding_wrong");
        EXPECT_EQ(enrol(csr(bound)).response.status, 200u);
    }
    ca_.asked = 0;
    const answer a = enrol(csr(own()));
    expect_refused(a, 400, "channel_binding_missing");
    // "SHOULD include" that linking is required.
    EXPECT_NE(a.response.body.find("Linking identity and proof of possession is required"), std::string::npos);
    ca_.usual.binding = binding_rule::if_present;
    EXPECT_EQ(enrol(csr(own())).response.status, 200u);
}

TEST_F(EstServer, Tls12BindsByItsFinishedMessage) {
    over_ = unique();
    pki::csr_template t = own();
    t.challenge_password = wire::base64(as_bytes("finished-msg"));
    EXPECT_EQ(enrol(csr(t)).response.status, 200u);
}

TEST_F(EstServer, AChannelWithoutABindingHasNone) {
    over_ = {};
    pki::csr_template t = own();
    t.challenge_password = "secret";  // a password of RFC 2985, which nothing here knows
    expect_refused(enrol(csr(t)), 400, "no_channel_binding");
    over_ = {binding_kind::tls_exporter, [] { return result<secret_bytes>(secret_bytes(as_bytes("short"))); }};
    EXPECT_EQ(of(enrol(csr(t))).first, 500u);
    EXPECT_EQ(ca_.asked, 0);
}

// TLS 1.2 without the extended master secret: the client's to mend, and no fault of the server's.
TEST_F(EstServer, AnOldChannelWhoseBindingWouldNotBeSafeHasNone) {
    over_ = {binding_kind::tls_unique,
             [] { return result<secret_bytes>(fail(error_category::usage, "no_channel", "without extended master secret")); }};
    pki::csr_template t = own();
    t.challenge_password = wire::base64(as_bytes("finished-msg"));
    expect_refused(enrol(csr(t)), 400, "no_channel_binding");
    EXPECT_EQ(ca_.asked, 0);
    EXPECT_EQ(enrol(csr(own())).response.status, 200u) << "nothing is to be compared";
}

// What a registration authority hands on was bound to another connection, by who signed it.
TEST_F(EstServer, ARegistrationAuthoritysRequestsAreOfOtherConnections) {
    over_ = exporting();
    pki::csr_template t = own();
    t.challenge_password = wire::base64(as_bytes("of another connection"));
    expect_refused(enrol(csr(t)), 400, "channel_binding_wrong");
    who_.any_name = true;
    t.subject = {};
    t.subject.add("serialNumber", "somebody else");
    expect_refused(enrol(csr(t)), 400, "channel_binding_wrong");  // where it asks as anybody does
    ca_.usual.for_authorities = true;
    EXPECT_EQ(enrol(csr(t)).response.status, 200u);
}

TEST_F(EstServer, NamesThatMayBeChosenAreTheAuthoritysToJudge) {
    pki::csr_template t = own();
    t.alt_names.dns = {"gateway.plant.example"};
    expect_refused(enrol(csr(t)), 403, "name_not_permitted");
    EXPECT_EQ(ca_.asked, 0);
    ca_.usual.authority_judges_names = true;
    EXPECT_EQ(enrol(csr(t)).response.status, 200u);
    EXPECT_EQ(ca_.asked, 1);
}

class EstReenrol : public EstServer {
protected:
    EstReenrol() { who_ = device(ca_, "SN-1", idevid_, trust_class::operational); }
};

// RFC 7030 4.2.2: the same key renews, another rekeys.
TEST_F(EstReenrol, TheSameKeyOrAnother) {
    const bytes same = value_of(pki::build_csr(own(), idevid_));
    EXPECT_EQ(of(enrol(same, "simplereenroll")), verdict(200, ""));
    EXPECT_EQ(ca_.replaced, who_.chain.front().subject());
    EXPECT_TRUE(ca_.same_key);
    EXPECT_EQ(of(enrol(csr(own()), "simplereenroll")), verdict(200, ""));
    EXPECT_FALSE(ca_.same_key);
}

// "The request Subject field and SubjectAltName extension MUST be identical".
TEST_F(EstReenrol, TheNamesMustBeIdentical) {
    const auto refused = [this](const pki::csr_template& t) {
        expect_refused(enrol(csr(t), "simplereenroll"), 403, "names_differ");
    };
    pki::csr_template t = own();
    t.subject.attributes.back().second = "SN-2";
    refused(t);
    t = own();
    t.subject.attributes.pop_back();  // less is not the same
    refused(t);
    refused({});
    t = own();
    std::swap(t.subject.attributes[0], t.subject.attributes[1]);
    refused(t);
    t = own();
    t.alt_names.dns = {"a.example"};
    refused(t);
}

TEST_F(EstReenrol, AlternativeNamesTooInAnyOrder) {
    auto made = pki::idevid_signature_template("Acme", "SN-1", std::nullopt, usual);
    made.alt_names.dns = {"a.example", "b.example"};
    const auto leaf = issue(ca_.root, made, idevid_.public_key().spki());
    who_ = value_of(requester::with_certificate({leaf}, trust_class::operational));
    expect_refused(enrol(csr(own()), "simplereenroll"), 403, "names_differ");
    pki::csr_template t = own();
    t.alt_names.dns = {"a.example"};
    expect_refused(enrol(csr(t), "simplereenroll"), 403, "names_differ");
    t.alt_names.dns = {"b.example", "a.example"};
    EXPECT_EQ(enrol(csr(t), "simplereenroll").response.status, 200u);
}

TEST_F(EstReenrol, OnlyACertificateIsRenewed) {
    who_ = {};
    who_.how = only(proof::basic);
    ca_.usual.access.push_back({{operation::simplereenroll}, only(proof::basic), 0});
    expect_refused(enrol(csr(own()), "simplereenroll"), 403, "forbidden");
}

// RFC 7030 4.2.3: "MUST include a Retry-After header".
TEST_F(EstServer, ManualApproval) {
    ca_.wait = waiting{90};
    const answer a = enrol(csr(own()));
    EXPECT_EQ(of(a), verdict(202, ""));
    EXPECT_EQ(a.response.headers.get("Retry-After"), "90");
    ca_.wait = waiting{0};
    EXPECT_EQ(enrol(csr(own())).response.headers.get("Retry-After"), "1");
    ca_.wait.reset();
    EXPECT_EQ(enrol(csr(own())).response.status, 200u);
}

TEST_F(EstServer, RefusalsTellReasonsAndNoInternals) {
    ca_.refuse = error{error_category::peer, "no_gate", "Its IDevID is not one that was sold here."};
    answer a = enrol(csr(own()));
    EXPECT_EQ(of(a), verdict(400, "no_gate"));
    EXPECT_EQ(a.response.body, "Its IDevID is not one that was sold here.\n");
    ca_.refuse = error{error_category::peer, "slow", "Too many."}.with("status", "429");
    EXPECT_EQ(of(enrol(csr(own()))), verdict(429, "slow"));
    // Who may not is told so; what was asked for is not at fault.
    for (const char* const name : {"not_entitled", "epoch_passed", "requester_withdrawn", "too_many_certificates", "key_of_ca"}) {
        ca_.refuse = error{error_category::peer, name, "No."};
        EXPECT_EQ(of(enrol(csr(own()))), verdict(403, name));
    }
    for (const auto& [category, status] :
         {std::pair{error_category::internal, 500u}, {error_category::environment, 503u}, {error_category::usage, 500u}}) {
        ca_.refuse = error{category, "trouble", "cannot write /var/lib/ca/issued.db"};
        a = enrol(csr(own()));
        EXPECT_EQ(of(a), verdict(status, "trouble"));
        EXPECT_EQ(a.response.body.find("/var"), std::string::npos);
        EXPECT_NE(a.why->message.find("/var"), std::string::npos);
    }
    ca_.refuse = error{error_category::peer, "odd", "x"}.with("status", "200");
    EXPECT_EQ(enrol(csr(own())).response.status, 400u);
    ca_.ca_error = error{error_category::environment, "trouble", "cannot read /etc/ca.pem"};
    a = ask(got("cacerts"));
    EXPECT_EQ(a.response.status, 503u);
    EXPECT_EQ(a.response.body.find("/etc"), std::string::npos);
}

// RFC 7030 4.4: key and signature of the request are of no matter, its names are.
TEST_F(EstServer, KeysMadeByTheServer) {
    bytes der = csr(own());
    der.back() ^= 1;
    EXPECT_EQ(of(enrol(der, "serverkeygen")), verdict(501, "not_implemented"));
    ca_.makes_keys = true;
    const answer a = enrol(der, "serverkeygen");
    ASSERT_EQ(of(a), verdict(200, ""));
    const client c = value_of(client::make({}));
    const auto read = value_of(c.read_serverkeygen(a.response, test_now));
    EXPECT_EQ(std::get<generated_credential>(read).certificate, a.certificate);
    pki::csr_template t = own();
    t.subject.attributes.back().second = "SN-2";
    EXPECT_EQ(of(enrol(csr(t), "serverkeygen")), verdict(403, "name_not_permitted"));
    // RFC 7030 4.4.1.1: encryption beyond TLS that is asked for and not offered "MUST" be an error.
    t = own();
    t.other_attributes = {{"1.2.840.113549.1.9.16.2.37", {hex("040161")}}};
    EXPECT_EQ(of(enrol(csr(t), "serverkeygen")), verdict(400, "unsupported_attribute"));
}

// RFC 9883.
TEST_F(EstServer, KemKeysAreVouchedFor) {
    const auto kem = kem_key("est");
    const bytes der = value_of(pki::build_kem_csr(own(), kem.public_key(), who_.chain.front(), idevid_));
    expect_refused(enrol(der), 400, "unsupported_key_algorithm");
    ca_.vouch = true;
    const answer a = enrol(der);
    ASSERT_EQ(of(a), verdict(200, ""));
    EXPECT_TRUE(a.certificate->is_kem());
    ca_.asked = 0;
    pki::csr_template t = own();
    t.key_usage = pki::digital_signature;
    expect_refused(enrol(value_of(pki::build_kem_csr(t, kem.public_key(), who_.chain.front(), idevid_))), 400, "wrong_key_usage");
    // Somebody else's device vouches for itself; it does not ask for itself here.
    const auto other_key = signature_key("other device");
    const requester other = device(ca_, "SN-2", other_key);
    t = own();
    t.subject.attributes.back().second = "SN-2";
    expect_refused(enrol(value_of(pki::build_kem_csr(t, kem.public_key(), other.chain.front(), other_key))), 403,
                   "name_not_permitted");
}

}  // namespace

}  // namespace berth::est
