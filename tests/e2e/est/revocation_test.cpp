// How a maker's revocations reach the EST server of an owner: by OCSP of the maker's publisher, or by lists.
#include "est_world.h"

namespace berth::test {
namespace {

class EstRevocation : public EstServer {
protected:
    // The maker's CAs, which he publishes; the addresses in his certificates are that publisher's.
    void SetUp() override {
        if (std::filesystem::exists(at("acme"))) {
            return;
        }
        must({"ca", "init", "--dir", at("acme"), "--organization", "Acme", "--hierarchy", "maker", "--algorithm", "p256"});
    }
    void publish() {
        write("publish.toml", "[publish]\nlisten = \"127.0.0.1:0\"\ndirectory = \"acme\"\n");
        auto child = app::child_process::start(std::filesystem::path(BERTH_BIN_DIR) / "berthd", {"--config", at("publish.toml")});
        ASSERT_TRUE(child) << child.error().message;
        publisher_ = std::make_unique<app::child_process>(std::move(*child));
        const milliseconds until = system_clock().steady() + 20'000;
        while (publisher_port_ == 0 && system_clock().steady() < until && !publisher_->ended()) {
            app::poll_children({&*publisher_}, 50);
            for (const auto& line : publisher_->take_output_lines()) {
                const auto object = wire::parse_json_object(line);
                if (object && object->contains("port")) {
                    publisher_port_ = object->at("port").to_number<uint16_t>();
                }
            }
        }
        ASSERT_NE(publisher_port_, 0);
        write("acme/ca.toml", got(app::read_text(at("acme/ca.toml"))) +
                                  fmt::format("\n[[authority]]\nname = \"idevid-ca\"\nocsp_url = \"http://127.0.0.1:{}/ocsp\"\n",
                                              publisher_port_));
    }
    static void idevid(const std::string& name, const std::string& serial) {
        const auto made = openssl({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/",
                                   "-keyout", at(name + ".key"), "-out", at(name + ".csr")});
        ASSERT_EQ(made.exit, 0) << made.all();
        must({"ca", "issue", "--dir", at("acme"), "--profile", "idevid", "--csr", at(name + ".csr"), "--serial", serial, "--out",
              at(name + ".pem")});
    }
    static void trust(const std::string& how, const std::string& expected = "\"reloaded\"") {
        write("berthd.toml",
              std::string(configuration) + "[[est.trust]]\nproof = \"idevid\"\nanchors = [\"acme/z1.pem\"]\n" + how + "\n");
        ::kill(server->pid(), SIGHUP);
        ASSERT_TRUE(says(expected));
    }
    static std::string enrolled(const std::string& name, const std::string& serial) {
        static int number = 0;
        const auto out = est("enrol", "", as(name, new_key(fmt::format("{}-{}", name, ++number), serial)));
        return out.exit == 0 ? "accepted" : out.all();
    }

    std::unique_ptr<app::child_process> publisher_;
    uint16_t publisher_port_ = 0;
};

// The other way round: a client that has its CA's list believes no server that is on it, nor an old list.
TEST_F(EstRevocation, OfTheServerItself) {
    const auto root = got(app::read_certificate(at("web.pem")));
    const auto key = make_root("web", crypto::signature_algorithm::ecdsa_p256_sha256, {0, 4'000'000'000}).key;
    const auto list = [&](const char* name, std::vector<pki::revoked_entry> revoked, unix_seconds until) {
        const unix_seconds now = system_clock().now();
        write(name, got(pki::issue_crl({1, now - 3'600, now + until, std::move(revoked)}, root, key)).to_pem());
    };
    const auto asked = [](const char* name) { return est("csrattrs", "", {"--crl", at(name)}); };
    list("nobody.crl", {}, 3'600);
    EXPECT_EQ(asked("nobody.crl").exit, 0) << asked("nobody.crl").all();
    list("server.crl", {{leaf("server").serial(), system_clock().now() - 60}}, 3'600);
    const auto revoked = asked("server.crl");
    EXPECT_EQ(revoked.exit, 1) << revoked.all();
    EXPECT_NE(revoked.all().find("revoked"), std::string::npos) << revoked.all();
    list("old.crl", {}, -60);
    EXPECT_NE(asked("old.crl").exit, 0);
}

TEST_F(EstRevocation, ByOcspOfTheMaker) {
    publish();
    idevid("one", "SN-41");
    idevid("two", "SN-42");
    trust("revocation = \"ocsp\"\nocsp_keep = 0");
    EXPECT_EQ(enrolled("one", "SN-41"), "accepted");
    EXPECT_EQ(enrolled("two", "SN-42"), "accepted");
    must({"ca", "revoke", "--dir", at("acme"), "--serial", leaf("one").serial_hex(), "--reason", "key_compromise"});
    EXPECT_THAT(enrolled("one", "SN-41"), testing::HasSubstr("was revoked")) << "with the very next request";
    EXPECT_EQ(enrolled("two", "SN-42"), "accepted");
    // Kept for a minute: the stated bound.
    trust("revocation = \"ocsp\"\nocsp_keep = 60");
    EXPECT_EQ(enrolled("two", "SN-42"), "accepted");
    publisher_.reset();
    EXPECT_EQ(enrolled("two", "SN-42"), "accepted") << "what was said lately";
    trust("revocation = \"ocsp\"\nocsp_keep = 0");
    EXPECT_THAT(enrolled("two", "SN-42"), testing::HasSubstr("Nobody could say")) << "and nobody is let in unasked";
    trust(fmt::format("revocation = \"ocsp\"\nocsp_url = \"http://127.0.0.1:{}/nowhere\"", publisher_port_));
    EXPECT_THAT(enrolled("two", "SN-42"), testing::HasSubstr("Nobody could say"));
    // Whoever tells an older configuration goes by what it goes by.
    trust("");
    EXPECT_EQ(enrolled("two", "SN-42"), "accepted");
}

TEST_F(EstRevocation, ByListsThatMustBeThere) {
    idevid("three", "SN-43");
    const auto list = [&](const std::string& name) {
        must({"ca", "crl", "--dir", at("acme"), "--name", name, "--out", at(name + ".crl")});
    };
    trust("revocation = \"crl\"", "reload_refused");
    list("idevid-ca");
    trust("revocation = \"crl\"\ncrls = [\"idevid-ca.crl\"]", "reload_refused");
    // The list's CA has to be known: it stands behind the anchor.
    write("acme-anchors.pem", got(app::read_text(at("acme/z1.pem"))) + got(app::read_text(at("acme/idevid-ca.pem"))));
    const auto with = [&](const std::string& how) {
        write("berthd.toml",
              std::string(configuration) + "[[est.trust]]\nproof = \"idevid\"\nanchors = [\"acme-anchors.pem\"]\n" + how + "\n");
        ::kill(server->pid(), SIGHUP);
        ASSERT_TRUE(says("\"reloaded\""));
    };
    with("revocation = \"crl\"\ncrls = [\"idevid-ca.crl\"]");
    EXPECT_THAT(enrolled("three", "SN-43"), testing::HasSubstr("no revocation list")) << "of the root there is none";
    list("z1");
    with("revocation = \"crl\"\ncrls = [\"idevid-ca.crl\", \"z1.crl\"]");
    EXPECT_EQ(enrolled("three", "SN-43"), "accepted");
    must({"ca", "revoke", "--dir", at("acme"), "--serial", leaf("three").serial_hex()});
    list("idevid-ca");
    with("revocation = \"crl\"\ncrls = [\"idevid-ca.crl\", \"z1.crl\"]");
    EXPECT_THAT(enrolled("three", "SN-43"), testing::HasSubstr("revoked"));
}

}  // namespace
}  // namespace berth::test
