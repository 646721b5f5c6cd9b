// With its registration a device sends a request, and is given a certificate of the hub's own CA.
#include "operational_world.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

class OperationalIssue : public OperationalWorld {};

TEST_F(OperationalIssue, OfEachKindOfKey) {
    register_issuer();
    done({"enrolment-group", "add", "again", "--ca", "birch"});
    begin(with_issuer("authority = \"ca\"\nlifetime_hours = 48\n"));
    const std::pair<const char*, const char*> kinds[] = {{"p256", "ec -pkeyopt ec_paramgen_curve:P-256"},
                                                         {"p384", "ec -pkeyopt ec_paramgen_curve:P-384"},
                                                         {"mldsa44", "mldsa44"},
                                                         {"mldsa65", "mldsa65"},
                                                         {"mldsa87", "mldsa87"}};
    for (const auto& [name, key] : kinds) {
        SCOPED_TRACE(name);
        make_leaf("fleet", name, name, "clientAuth");
        const std::string file = std::string(name) + "-op";
        const auto state =
            register_device(name, name, {{"registrationId", name}, {"csr", request(file, std::string("/CN=") + name, key)}});
        ASSERT_TRUE(state.contains("issuedCertificateChain")) << text("body");
        EXPECT_EQ(state.at("status").as_string(), "assigned");
        EXPECT_EQ(keep_chain(file, state.at("issuedCertificateChain").as_array()), 2U);
        openssl("verify -x509_strict -purpose sslclient -CAfile ca/z2.pem -untrusted " + file + ".pem " + file + ".pem");
        EXPECT_THAT(shown(file, "-subject"), HasSubstr(std::string("CN=") + name));
        EXPECT_THAT(shown(file, "-checkend 169200"), HasSubstr("will not expire"));
        EXPECT_THAT(shown(file, "-checkend 176400"), HasSubstr("will expire"));
        EXPECT_THAT(shown(file, "-text"), HasSubstr("2.25.228790632718243")) << "its epoch";
        if (file.starts_with("mldsa")) {
            continue;  // which the system's curl cannot show
        }
        // With it the device registers again, and asks for the next one.
        const auto again =
            register_device(file, name, {{"payload", {{"csr", request(file + "2", std::string("/CN=") + name, key)}}}});
        EXPECT_TRUE(again.contains("issuedCertificateChain")) << text("body");
    }
    const auto log = berth({"--json", "ca", "log", "--dir", at("ca")});
    EXPECT_THAT(log.all(), HasSubstr("\"hub-device\""));
    EXPECT_THAT(log.all(), HasSubstr("\"operational\""));
    EXPECT_EQ(done({"device", "show", "mldsa87"}).at("authentication").at("type").as_string(), "certificateAuthority");
}

TEST_F(OperationalIssue, RequestsThatAreRefused) {
    register_issuer();
    begin(with_issuer());
    const auto code = [&](const std::string& csr) {
        const auto said = register_device("dev-1", "dev-1", {{"csr", csr}});
        return said.contains("errorCode") ? said.at("errorCode").to_number<int>() : 0;
    };
    EXPECT_EQ(code(request("a", "/CN=dev-2")), 400'040) << "another's name";
    EXPECT_EQ(code(request("b", "/CN=dev-1", "rsa:2048")), 400'040);
    EXPECT_THAT(text("body"), HasSubstr("neither ECDSA nor ML-DSA"));
    EXPECT_EQ(code("AAAA"), 400'040);
    EXPECT_EQ(code(std::string(20'000, 'A')), 400'040);
    EXPECT_EQ(code(request("c", "/CN=dev-1/O=Somebody")), 400'040) << "more than the CA gives";
    EXPECT_THAT(text("body"), HasSubstr("\"failed\"")) << "it was the CA that refused";
}

TEST_F(OperationalIssue, WhatTheHubHasEndedIsEndedAtTheCa) {
    register_issuer();
    begin(with_issuer());
    ASSERT_TRUE(register_device("dev-1", "dev-1", {{"csr", request("op", "/CN=dev-1")}}).contains("issuedCertificateChain"));
    done({"device", "revoke", "dev-1"});
    EXPECT_EQ(register_device("dev-1", "dev-1", {{"csr", request("op2", "/CN=dev-1")}}).at("errorCode").to_number<int>(), 401'002)
        << "what it shows was ended, too";
    // A later one of its maker's: times in certificates are seconds.
    wire::json::object state;
    const std::string csr = request("op3", "/CN=dev-1");
    for (int tries = 0; tries < 4 && !state.contains("issuedCertificateChain"); ++tries) {
        says("no such word", 1'000);
        make_leaf("fleet", "dev-1", "dev-1", "clientAuth");
        state = register_device("dev-1", "dev-1", {{"csr", csr}});
    }
    ASSERT_TRUE(state.contains("issuedCertificateChain")) << text("body");
    const auto log = berth({"--json", "ca", "log", "--dir", at("ca")});
    EXPECT_THAT(log.all(), HasSubstr("\"revoked\"")) << log.all();
    EXPECT_THAT(log.all(), HasSubstr("\"good\"")) << log.all();
}

TEST_F(OperationalIssue, ConfigurationsThatAreNone) {
    EXPECT_EQ(refused_at_check(with_issuer()), "issuer_not_registered");
    register_issuer();
    EXPECT_EQ(refused_at_check(with_issuer()), "");
    EXPECT_EQ(refused_at_start(with_issuer("")), "bad_config") << "which of its CAs?";
    EXPECT_EQ(refused_at_start(with_issuer("profile = \"operational\"\n")), "bad_config") << "names nobody's CN";
    EXPECT_EQ(refused_at_start(with_issuer("profile = \"nonesuch\"\n")), "unknown_profile");
    EXPECT_EQ(refused_at_start(with_issuer("authority = \"nonesuch\"\n")), "unknown_authority");
    EXPECT_EQ(refused_at_start(with_issuer("profile = \"a\"\nauthority = \"ca\"\n")), "bad_config");
    EXPECT_EQ(refused_at_start(with_issuer("authority = \"ca\"\nproof = \"admin\"\n")), "bad_config");
    EXPECT_EQ(refused_at_start(with_issuer("authority = \"ca\"\nlifetime_hours = 0\n")), "bad_config");
}

TEST_F(OperationalIssue, AnIssuerThatIsNotRegisteredIssuesNothing) {
    configure(with_issuer());
    start();
    EXPECT_THAT(heard_, HasSubstr("issuer_not_registered"));
    auto state = register_device("dev-1", "dev-1", {{"csr", request("op", "/CN=dev-1")}});
    EXPECT_EQ(state.at("errorCode").to_number<int>(), 500'001);
    EXPECT_THAT(berth({"--json", "ca", "log", "--dir", at("ca")}).all(), testing::Not(HasSubstr("hub-device")));
    register_issuer();
    state = register_device("dev-1", "dev-1", {{"csr", request("op2", "/CN=dev-1")}});
    EXPECT_TRUE(state.contains("issuedCertificateChain")) << text("body");
}

}  // namespace
}  // namespace berth::test
