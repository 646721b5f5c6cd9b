// S12 by a CA of somebody else's: nginx and openssl ca, which know nothing of onboarding.
#include "issuing_world.h"
#include "support/foreign_est.h"

namespace berth::test {
namespace {

// Whoever operates the customer's CA elsewhere: with its certificate and key, and what this maker's devices are to carry.
class ForeignCa : public issuing_world {
protected:
    struct server : ForeignServer {
        using ForeignServer::at;
        using ForeignServer::directory;
        using ForeignServer::port;
        using ForeignServer::SetUpTestSuite;
        using ForeignServer::TearDownTestSuite;
        using ForeignServer::write;
        void TestBody() override {}
    };
    static void SetUpTestSuite() {
        begin({"Birch"});
        server::SetUpTestSuite();
        if (HasFatalFailure()) {
            return;
        }
        std::filesystem::copy(ca_directory() / "ca.key", server::at("issuer.key"));
        std::filesystem::copy(ca_directory() / "ca.pem", server::at("issuer.pem"));
        const auto z1 = got(app::read_certificate(registrar_file("z1.pem")));
        issue_with("subjectAltName = URI:" + pki::device_identity_uri(z1.spki_sha256()) + "\n");
    }
    static void TearDownTestSuite() {
        server::TearDownTestSuite();
        small_world::TearDownTestSuite();
    }
    static void issue_with(const std::string& extensions) {
        server::write(
            "ca.cnf",
            "[ca]\ndefault_ca = c\n[c]\ndir = .\ndatabase = index.txt\nnew_certs_dir = issued\ncertificate = issuer.pem\n"
            "private_key = issuer.key\nrand_serial = yes\ndefault_md = default\ndefault_days = 30\npolicy = p\n"
            "unique_subject = no\nx509_extensions = leaf\n[p]\nserialNumber = supplied\n[leaf]\n"
            "keyUsage = critical,digitalSignature\nextendedKeyUsage = clientAuth\n" +
                extensions);
    }
    static void ask(const std::string& label, const std::string& more) {
        name_ca(fmt::format("est = \"localhost:{}\"\nlabel = \"{}\"\nanchors = [\"{}\"]\n{}", server::port, label,
                            server::at("root.pem"), more));
        ASSERT_TRUE(reload("Birch")) << all_heard("Birch");
    }
    static std::string user() { return fmt::format("user = \"device\"\npassword_file = \"{}\"\n", server::at("password")); }
    static app::device_order order(const std::string& serial) {
        auto out = world->order_for(serial, "Birch");
        out.credentials = {{"device", "p256"}};
        return out;
    }
};

TEST_F(ForeignCa, IssuesForTheDevicesOwnRequest) {
    ask("guarded", user());
    const auto bundle = make(order("F-1"), "Birch");
    const auto done = onboard(bundle);
    ASSERT_EQ(done.exit, 0) << done.all() << all_heard("Birch");
    const auto leaf = installed(bundle, "device");
    EXPECT_EQ(leaf.device_serial(), "F-1");
    EXPECT_TRUE(leaf.check_signature(got(app::read_certificate(server::at("issuer.pem")))));
}

TEST_F(ForeignCa, ThatLetsSomebodyWaitIsAskedAgain) {
    std::filesystem::remove(server::at("asked"));
    ask("slow", user());
    const size_t from = heard.size();
    const auto done = onboard(make(order("F-2"), "Birch"));
    ASSERT_EQ(done.exit, 0) << done.all() << all_heard("Birch");
    EXPECT_TRUE(hear("Birch", "ca_lets_wait", "F-2", from));
}

TEST_F(ForeignCa, WhatItIssuesForNobodyIsNotHandedOn) {
    issue_with("subjectAltName = URI:urn:berth:maker:" + std::string(64, '0') + "\n");
    ask("guarded", user());
    const size_t from = heard.size();
    const auto refused = onboard(make(order("F-3"), "Birch"));
    EXPECT_EQ(refused.error_name(), "ca_refused") << refused.all();
    EXPECT_TRUE(hear("Birch", "ca_refused", "wrong_device", from)) << all_heard("Birch");
    issue_with("");
    const auto nameless = onboard(make(order("F-4"), "Birch"));
    EXPECT_EQ(nameless.error_name(), "ca_refused") << nameless.all();
    EXPECT_TRUE(hear("Birch", "ca_refused", "bad_profile", from)) << all_heard("Birch");
}

TEST_F(ForeignCa, WhatTheRegistrarCannotRevokeThereIsToldToItsOperator) {
    const auto z1 = got(app::read_certificate(registrar_file("z1.pem")));
    issue_with("subjectAltName = URI:" + pki::device_identity_uri(z1.spki_sha256()) + "\n");
    ask("guarded", user());
    const auto bundle = make(order("F-5"), "Birch");
    ASSERT_EQ(onboard(bundle).exit, 0);
    const size_t from = heard.size();
    ASSERT_EQ(berth({"registrar", "revoke", "F-5", "--dir", world->customer("Birch").registrar.string()}).exit, 0);
    EXPECT_TRUE(hear("Birch", "revoke_at_the_ca", installed(bundle, "device").serial_hex(), from)) << all_heard("Birch");
}

}  // namespace
}  // namespace berth::test
