// What a client sends, and what it makes of answers.
#include "est/client.h"

#include "made_up_authority.h"

namespace berth::est {

namespace {

using namespace test;

client plain() {
    return value_of(client::make({}));
}

http_response answer_of(std::string_view type, bytes_view der, unsigned status = 200) {
    http_response out;
    out.status = status;
    out.headers.add("Content-Type", std::string(type));
    out.body = framed(der, framing::one_line);
    return out;
}

class EstAnswers : public ::testing::Test {
protected:
    auto enrolment(const http_response& r) const { return client_.read_enrolment(r, key_.public_key().spki(), test_now); }
    std::string refused(const http_response& r) const { return name_of_error(enrolment(r)); }
    http_response text(unsigned status, std::string body) const {
        http_response out;
        out.status = status;
        out.headers.add("Content-Type", "text/plain");
        out.body = std::move(body);
        return out;
    }

    made_up_authority ca_;
    const client client_ = plain();
    const crypto::signing_key key_ = signature_key("client");
    const pki::certificate own_ = issue(ca_.root, pki::client_template("Acme", "own", usual), key_.public_key().spki());
};

TEST_F(EstAnswers, RequestsAreWhatTheServerReads) {
    client_options options;
    options.label = "devices";
    options.user = "user";
    options.password = secret_bytes(as_bytes("pass"));
    options.extra.add("X-Secret", "s");
    const client c = value_of(client::make(std::move(options)));
    const bytes csr = value_of(pki::build_csr({}, key_));
    const http_request r = c.simpleenroll(csr, true);
    EXPECT_EQ(r.method, "POST");
    EXPECT_EQ(r.path, "/.well-known/est/devices/simpleenroll");
    EXPECT_EQ(r.headers.get("Authorization"), "Basic dXNlcjpwYXNz");
    EXPECT_EQ(r.headers.get("X-Secret"), "s");
    EXPECT_EQ(r.headers.get("Content-Type"), "application/pkcs10");
    EXPECT_EQ(value_of(unframed(r.body)), csr);
    // Servers older than RFC 8951 read lines alone (libest's).
    EXPECT_EQ(r.body.find('\n'), 64U);
    EXPECT_TRUE(r.body.ends_with('\n'));
    EXPECT_EQ(c.simplereenroll(csr).path, "/.well-known/est/devices/simplereenroll");
    EXPECT_EQ(c.serverkeygen(csr).headers.get("Accept"), "multipart/mixed");
    // RFC 7030 3.2.3: the server asks first; and never where the server is not known yet.
    EXPECT_EQ(c.simpleenroll(csr).headers.get("Authorization"), "");
    EXPECT_EQ(c.cacerts().headers.get("Authorization"), "");
    EXPECT_EQ(c.cacerts().method, "GET");
}

TEST_F(EstAnswers, OptionsThatCannotBeAreRefused) {
    EXPECT_EQ(name_of_error(client::make({.label = "cacerts"})), "bad_label");
    EXPECT_EQ(name_of_error(client::make({.label = "a/b"})), "bad_label");
    EXPECT_EQ(name_of_error(client::make({.user = "a:b"})), "bad_user");
}

// RFC 7030 4.2.3: one certificate; some servers send the chain too, in any order.
TEST_F(EstAnswers, TheOwnCertificateIsFoundByItsKey) {
    const std::vector<pki::certificate> chain{ca_.root.certificate, own_};
    for (const auto& list : {std::vector{own_}, chain, std::vector{own_, own_}}) {
        const auto answer = value_of(enrolment(answer_of(type::certs_only, pki::build_certs_only(list))));
        EXPECT_EQ(std::get<pki::certificate>(answer), own_);
    }
    EXPECT_EQ(refused(answer_of(type::certs_only, pki::build_certs_only(std::span(chain).first(1)))), "wrong_key");
    EXPECT_EQ(refused(answer_of(type::certs_only, pki::build_certs_only({}))), "wrong_key");
    auto later = pki::client_template("Acme", "own", usual);
    later.not_before += day;
    const auto second = issue(ca_.root, later, key_.public_key().spki());
    EXPECT_EQ(refused(answer_of(type::certs_only, pki::build_certs_only(std::vector{own_, second}))), "wrong_key");
}

TEST_F(EstAnswers, OtherBodiesAreRefused) {
    EXPECT_EQ(refused(answer_of("text/html", pki::build_certs_only(std::span(&own_, 1)))), "bad_answer");
    EXPECT_EQ(refused(answer_of(type::pkcs7, own_.der())), "bad_certs_only");
    http_response r = answer_of(type::pkcs7, own_.der());
    r.body = std::string(as_text(own_.der()));  // raw DER
    EXPECT_EQ(refused(r), "bad_base64");
    r.body = std::string(most_response + 1, 'A');
    EXPECT_EQ(refused(r), "too_large");
    for (const unsigned status : {100u, 204u, 301u, 302u, 307u, 600u}) {
        r.status = status;
        EXPECT_EQ(refused(r), "bad_answer") << status;
    }
}

// RFC 7030 4.2.3: 202 and Retry-After, seconds or a date; without one a minute.
TEST_F(EstAnswers, ComingAgain) {
    const auto seconds = [this](std::string_view after) {
        http_response r = text(202, "waits\r\nfor\x1b[31m somebody\n");
        if (!after.empty()) {
            r.headers.add("Retry-After", std::string(after));
        }
        return std::get<come_again>(value_of(enrolment(r))).seconds;
    };
    EXPECT_EQ(seconds("90"), 90u);
    EXPECT_EQ(seconds("0"), 1u);
    EXPECT_EQ(seconds(""), 60u);
    EXPECT_EQ(seconds("soon"), 60u);
    EXPECT_EQ(seconds("Fri, 15 Jan 2027 08:10:00 GMT"), 600u);
    const auto said = std::get<come_again>(value_of(enrolment(text(202, "waits\r\nfor\x1b[31m somebody\n")))).said;
    EXPECT_EQ(said, "waits  for [31m somebody");
}

TEST_F(EstAnswers, APasswordIsWanted) {
    http_response r = text(401, "");
    r.headers.add("WWW-Authenticate", "Basic realm=\"estrealm\"");
    const auto wanted = std::get<password_wanted>(value_of(enrolment(r)));
    EXPECT_TRUE(wanted.basic);
    EXPECT_EQ(wanted.realm, "estrealm");
    r.headers = {};
    r.headers.add("WWW-Authenticate", "Digest realm=\"x\", nonce=\"y\"");
    EXPECT_FALSE(std::get<password_wanted>(value_of(enrolment(r))).basic);
}

TEST_F(EstAnswers, RefusalsSayWhoCanDoSomething) {
    const auto bad = enrolment(text(400, "no\nway"));
    EXPECT_EQ(bad.error().name, "refused");
    EXPECT_EQ(bad.error().category, error_category::peer);
    EXPECT_NE(bad.error().message.find("no way"), std::string::npos);
    EXPECT_EQ(enrolment(text(503, "")).error().category, error_category::environment);
    for (const unsigned status : {404u, 405u, 501u}) {
        EXPECT_EQ(refused(text(status, "")), "not_offered");
    }
    http_response html = text(500, "<html>");
    html.headers = {};
    html.headers.add("Content-Type", "text/html");
    EXPECT_EQ(enrolment(html).error().message.find("<html>"), std::string::npos);
    EXPECT_LT(enrolment(text(400, std::string(10'000, 'a'))).error().message.size(), 700u);
}

TEST_F(EstAnswers, CaCertificates) {
    const std::vector<pki::certificate> both{ca_.root.certificate, own_};
    EXPECT_EQ(value_of(client_.read_cacerts(answer_of(type::pkcs7, pki::build_certs_only(both)))), both);
    EXPECT_EQ(name_of_error(client_.read_cacerts(answer_of(type::pkcs7, pki::build_certs_only({})))), "bad_answer");
    const client few = value_of(client::make({.most_certificates = 1}));
    EXPECT_EQ(name_of_error(few.read_cacerts(answer_of(type::pkcs7, pki::build_certs_only(both)))), "bad_certs_only");
}

// RFC 7030 4.5.2: 204 and 404 are "no specific additional information".
TEST_F(EstAnswers, Attributes) {
    EXPECT_TRUE(value_of(client_.read_csrattrs({204, {}, {}})).empty());
    EXPECT_TRUE(value_of(client_.read_csrattrs({404, {}, {}})).empty());
    EXPECT_TRUE(value_of(client_.read_csrattrs(answer_of(type::csrattrs, hex("3000")))).empty());
    auto ends_as_in_c = answer_of(type::csrattrs, hex("3000"));
    ends_as_in_c.body.push_back('\0');
    EXPECT_TRUE(value_of(client_.read_csrattrs(ends_as_in_c)).empty());
    ends_as_in_c.body.insert(1, 1, '\0');
    EXPECT_EQ(name_of_error(client_.read_csrattrs(ends_as_in_c)), "bad_base64");
    EXPECT_EQ(name_of_error(client_.read_csrattrs({500, {}, {}})), "refused");
    EXPECT_EQ(name_of_error(client_.read_csrattrs(answer_of(type::pkcs7, hex("3000")))), "bad_answer");
    EXPECT_EQ(name_of_error(client_.read_csrattrs(answer_of(type::csrattrs, hex("3001")))), "bad_csr_attributes");
}

TEST_F(EstAnswers, AGeneratedKeyIsThatOfItsCertificate) {
    const auto answer = [this](const pki::certificate& c, secret_bytes key) {
        return client_.read_serverkeygen(
            multipart_of({std::move(key), pki::build_certs_only(std::span(&c, 1))}, framing::one_line), test_now);
    };
    const auto good = value_of(answer(own_, value_of(key_.to_pkcs8())));
    EXPECT_EQ(std::get<generated_credential>(good).certificate, own_);
    EXPECT_EQ(name_of_error(answer(own_, value_of(signature_key("another").to_pkcs8()))), "wrong_key");
    EXPECT_EQ(name_of_error(answer(own_, secret_bytes(as_bytes("no key")))), "bad_answer");
    const auto kem = kem_key("generated");
    const auto kem_leaf = issue(ca_.root, pki::idevid_kem_template("Acme", "S", std::nullopt, usual), kem.public_key().spki());
    EXPECT_EQ(std::get<generated_credential>(value_of(answer(kem_leaf, value_of(kem.to_pkcs8())))).certificate, kem_leaf);
    EXPECT_EQ(name_of_error(client_.read_serverkeygen(answer_of(type::pkcs7, hex("3000")), test_now)), "bad_answer");
    EXPECT_TRUE(std::holds_alternative<come_again>(value_of(client_.read_serverkeygen(text(202, ""), test_now))));
}

}  // namespace

}  // namespace berth::est
