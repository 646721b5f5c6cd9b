// The EST server's own certificate: what its clients would refuse is told by berthd check, and at start.
#include "est_world.h"

#include <csignal>

namespace berth::test {
namespace {

class OwnCertificate : public EstServer {
protected:
    static test::authority web() {
        const unix_seconds now = system_clock().now();
        return make_root("web", crypto::signature_algorithm::ecdsa_p256_sha256, {now - day, now + 100 * day});
    }
    static pki::certificate_template usual_contents() {
        const unix_seconds now = system_clock().now();
        return pki::server_template("Test", {"localhost"}, {now - day, now + 90 * day});
    }
    // One of the CAs in the directory that the server itself issues from.
    static pki::certificate by_ca(const pki::certificate_template& contents) {
        return test::issue({leaf("ca/ca"), got(pki::load_signing_key(at("ca/ca.key")))}, contents,
                           signature_key("server").public_key().spki());
    }
    static std::string issued(const pki::certificate_template& contents) {
        return test::issue(web(), contents, signature_key("server").public_key().spki()).to_pem();
    }
    // The configuration with that chain in the place of the server's.
    static void serve_with(const std::string& pem, const std::string& key = "server.key") {
        write("other.pem", pem);
        std::string text = configuration;
        const auto replace = [&](const std::string& from, const std::string& to) {
            text.replace(text.find(from), from.size(), to);
        };
        replace("chain = \"server.pem\"", "chain = \"other.pem\"");
        replace("file:server.key", "file:" + key);
        write("other.toml", text);
    }
    static std::string checked(const std::string& pem, const std::string& key = "server.key") {
        serve_with(pem, key);
        const auto out = run_program("berthd", {"--json", "check", at("other.toml")});
        EXPECT_TRUE(out.exit == 0 || out.all().find("other.pem") != std::string::npos) << out.all();
        return out.exit == 0 ? "good" : out.error_name();
    }
    static std::string started(const std::string& pem) {
        serve_with(pem);
        return run_program("berthd", {"--json", "--config", at("other.toml")}, 20'000).error_name();
    }
};

TEST_F(OwnCertificate, IsAServersWithAHost) {
    EXPECT_EQ(checked(issued(usual_contents())), "good");
    auto contents = usual_contents();
    contents.extended_key_usages = {std::string(pki::oid_client_auth)};
    EXPECT_EQ(checked(issued(contents)), "bad_profile");
    EXPECT_EQ(started(issued(contents)), "bad_profile");
    contents.extended_key_usages.clear();
    EXPECT_EQ(checked(issued(contents)), "good") << "without extended key usages it is good for all";
    contents = usual_contents();
    contents.alt_names = {};
    EXPECT_EQ(checked(issued(contents)), "bad_profile");
    EXPECT_EQ(started(issued(contents)), "bad_profile");
    contents.alt_names.uris = {"urn:example:server"};
    EXPECT_EQ(checked(issued(contents)), "bad_profile");
    const auto by_address =
        openssl({"req", "-x509", "-key", at("server.key"), "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1", "-addext",
                 "basicConstraints=critical,CA:FALSE", "-out", at("address.pem")});
    ASSERT_EQ(by_address.exit, 0) << by_address.all();
    EXPECT_EQ(checked(got(app::read_text(at("address.pem")))), "good");
}

TEST_F(OwnCertificate, BelongsToItsKey) {
    EXPECT_EQ(checked(issued(usual_contents()), "SN-1.key"), "credential_key_mismatch");
}

TEST_F(OwnCertificate, IsInItsTimeAndStartOnlyWarns) {
    const unix_seconds now = system_clock().now();
    auto contents = usual_contents();
    contents.not_before = now + day;
    EXPECT_EQ(checked(issued(contents)), "certificate_not_yet_valid");
    contents.not_before = now - 2 * day;
    contents.not_after = now - day;
    EXPECT_EQ(checked(issued(contents)), "certificate_expired");
    // A server that does not start cannot be mended by a file and a SIGHUP.
    auto child = app::child_process::start(std::filesystem::path(BERTH_BIN_DIR) / "berthd", {"--config", at("other.toml")});
    ASSERT_TRUE(child) << child.error().message;
    std::string said;
    const auto hears = [&](const std::string& text) {
        const milliseconds until = system_clock().steady() + 20'000;
        while (said.find(text) == std::string::npos && !child->ended() && system_clock().steady() < until) {
            app::poll_children({&*child}, 50);
            for (auto lines : {child->take_error_lines(), child->take_output_lines()}) {
                for (const auto& line : lines) {
                    said += line + "\n";
                }
            }
        }
        return said.find(text) != std::string::npos;
    };
    EXPECT_TRUE(hears("server_certificate_bad")) << said;
    EXPECT_TRUE(hears("other.pem")) << said;
    EXPECT_TRUE(hears("\"ready\"")) << said;
    said.clear();
    write("other.pem", issued(usual_contents()));
    ::kill(child->pid(), SIGHUP);
    EXPECT_TRUE(hears("\"reloaded\"")) << said;
    EXPECT_EQ(said.find("server_certificate_bad"), std::string::npos) << said;
}

TEST_F(OwnCertificate, IsFollowedByItsIssuers) {
    EXPECT_EQ(checked(issued(usual_contents()) + got(app::read_text(at("web.pem")))), "good");
    EXPECT_EQ(checked(issued(usual_contents()) + got(app::read_text(at("z1.pem")))), "bad_chain");
    EXPECT_EQ(started(issued(usual_contents()) + got(app::read_text(at("z1.pem")))), "bad_chain");
    // The issuing CA stands below the owner's root, and nobody outside has its certificate.
    const auto below = by_ca(usual_contents()).to_pem();
    EXPECT_EQ(checked(below), "missing_issuer");
    EXPECT_EQ(checked(below + leaf("ca/ca").to_pem()), "good");
    EXPECT_EQ(checked(below + got(app::read_text(at("ca/ca.pem")))), "good") << "with the root, too";
}

TEST_F(OwnCertificate, ThatOfAuthkemIsJudgedAsWell) {
    const unix_seconds now = system_clock().now();
    write("old-kem.pem", test::issue(web(), pki::masa_kem_template("Test", "localhost", {now - 2 * day, now - day}),
                                     kem_key("server").public_key().spki())
                             .to_pem());
    std::string text = configuration;
    text.replace(text.find("kem-server.pem"), 14, "old-kem.pem");
    write("other.toml", text);
    const auto out = run_program("berthd", {"--json", "check", at("other.toml")});
    EXPECT_EQ(out.error_name(), "certificate_expired") << out.all();
}

}  // namespace
}  // namespace berth::test
