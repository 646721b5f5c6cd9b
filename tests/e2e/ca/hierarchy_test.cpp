// CAs made by `berth ca`, in files and in a token, below others and from other programs.
#include "ca_fixture.h"
#include "support/softhsm.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Hierarchies : public CaCommands {};

TEST_F(Hierarchies, AllOfThemInEachAlgorithm) {
    for (const char* algorithm : {"p256", "p384", "ml-dsa-65", "ml-dsa-87"}) {
        const std::string dir = at(algorithm);
        const auto made =
            must({"ca", "init", "--dir", dir, "--organization", "Birch", "--hierarchy", "all", "--algorithm", algorithm});
        EXPECT_EQ(made.json().at("authorities").as_array().size(), 7U) << made.all();
        for (const auto& [root, issuing] :
             {std::pair("z2", "ca"), {"z2", "ldevid-ca"}, {"z1", "idevid-ca"}, {"ek-root", "ek-ca"}}) {
            EXPECT_EQ(judge(dir + "/" + issuing + ".pem", {"-CAfile", dir + "/" + root + ".pem"}), "good") << issuing;
        }
        EXPECT_NE(judge(dir + "/ca.pem", {"-CAfile", dir + "/z1.pem"}), "good");
        EXPECT_EQ(fs::status(dir + "/z2.key").permissions() & fs::perms::group_all, fs::perms::none);
        EXPECT_EQ(must({"ca", "log", "--dir", dir, "--verify"}).json().at("entries").to_number<int>(), 7);
    }
}

TEST_F(Hierarchies, DualChainsStandSideBySide) {
    must({"ca", "init", "--dir", at("a"), "--customer", "Birch", "--hierarchy", "customer", "--dual"});
    EXPECT_EQ(judge(at("a/ca-classical.pem"), {"-CAfile", at("a/z2-classical.pem")}), "good");
    for (const char* name : {"z2", "ldevid-ca", "ca"}) {
        EXPECT_EQ(got(got(app::read_certificate(at(std::string("a/") + name + ".pem"))).verification_key()).algorithm(),
                  crypto::signature_algorithm::mldsa65)
            << name << ": docs/ca.md, without --algorithm";
    }
    EXPECT_EQ(judge(at("a/ca.pem"), {"-CAfile", at("a/z2.pem")}), "good");
    EXPECT_NE(judge(at("a/ca.pem"), {"-CAfile", at("a/z2-classical.pem")}), "good");
    must({"ca", "init", "--dir", at("b"), "--customer", "Birch", "--hierarchy", "maker", "--algorithm", "p384", "--dual"});
    EXPECT_EQ(judge(at("b/idevid-ca-pq.pem"), {"-CAfile", at("b/z1-pq.pem")}), "good");
    EXPECT_EQ(refused({"ca", "init", "--dir", at("c"), "--customer", "Birch", "--dual"}), "bad_arguments");
}

TEST_F(Hierarchies, NothingIsMadeTwice) {
    make_customer();
    const std::string before = text_of(at("ca/z2.pem"));
    EXPECT_EQ(refused({"ca", "init", "--dir", at("ca"), "--customer", "Birch", "--hierarchy", "customer"}), "file_exists");
    EXPECT_EQ(refused({"ca", "root", "--dir", at("ca"), "--name", "z2", "--organization", "Birch"}), "file_exists");
    EXPECT_EQ(text_of(at("ca/z2.pem")), before);
}

// docs/ca.md: "write ca.toml before" the CAs are made, so that their own certificates have the addresses of the CA above.
TEST_F(Hierarchies, ACaTomlWithAddressesAloneGetsTheUsualProfiles) {
    fs::create_directory(at("ca"));
    put(at("ca/ca.toml"), "[[authority]]\nname = \"z2\"\ncrl_url = \"http://crl.example/z2.crl\"\n");
    const auto made =
        must({"ca", "init", "--dir", at("ca"), "--customer", "Birch", "--hierarchy", "customer", "--algorithm", "p256"});
    EXPECT_NE(text_of(at("ca/ca.toml")).find("http://crl.example/z2.crl"), std::string::npos);
    ASSERT_EQ(openssl({"x509", "-in", at("ca/ca.pem"), "-noout", "-text"}), 0) << log();
    EXPECT_NE(log().find("http://crl.example/z2.crl"), std::string::npos) << log();
    must({"ca", "issue", "--dir", at("ca"), "--profile", "server", "--csr", request("web", "/CN=web"), "--out", at("web.pem")});
    EXPECT_EQ(judge(at("web.pem"), {"-CAfile", at("ca/z2.pem"), "-untrusted", at("ca/ca.pem")}), "good");
}

TEST_F(Hierarchies, StepByStep) {
    must({"ca", "root", "--dir", at("ca"), "--name", "top", "--organization", "Birch", "--algorithm", "p384", "--lifetime",
          "20y"});
    must({"ca", "subordinate", "--dir", at("ca"), "--name", "middle", "--under", "top", "--organization", "Birch", "--algorithm",
          "p256", "--path-length", "1", "--lifetime", "10y"});
    must({"ca", "subordinate", "--dir", at("ca"), "--name", "low", "--under", "middle", "--organization", "Birch", "--algorithm",
          "p256", "--lifetime", "5y"});
    EXPECT_EQ(judge(at("ca/low.pem"), {"-CAfile", at("ca/top.pem"), "-untrusted", at("ca/middle.pem")}), "good");
    const std::vector<std::string> below_low{"ca",      "subordinate", "--dir",          at("ca"), "--name",     "too-low",
                                             "--under", "low",         "--organization", "Birch",  "--lifetime", "1y"};
    EXPECT_EQ(refused(below_low), "path_too_long");
    EXPECT_FALSE(fs::exists(at("ca/too-low.key"))) << "what was refused leaves nothing";
    EXPECT_EQ(refused({"ca", "subordinate", "--dir", at("ca"), "--name", "long", "--under", "top", "--organization", "Birch",
                       "--lifetime", "30y"}),
              "issuer_expires_first");
    EXPECT_EQ(refused({"ca", "subordinate", "--dir", at("ca"), "--name", "x", "--under", "tip", "--organization", "Birch"}),
              "unknown_authority");
    EXPECT_EQ(refused({"ca", "root", "--dir", at("ca"), "--name", "../x", "--organization", "Birch"}), "bad_arguments");
    EXPECT_EQ(refused({"ca", "root", "--dir", at("ca"), "--name", "x", "--organization", std::string(65, 'B')}), "bad_name");
}

TEST_F(Hierarchies, BelowACaOfAnotherProgram) {
    ASSERT_EQ(openssl({"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/O=Corp/CN=Corp root", "-days", "3650",
                       "-keyout", at("corp.key"), "-out", at("corp.pem")}),
              0)
        << log();
    must({"ca", "request", "--dir", at("ca"), "--name", "ca", "--organization", "Birch", "--algorithm", "p256", "--out",
          at("ca.csr")});
    ASSERT_EQ(openssl({"req", "-in", at("ca.csr"), "-verify", "-noout"}), 0) << log();
    put(at("ext"), "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
                   "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n");
    ASSERT_EQ(openssl({"x509", "-req", "-in", at("ca.csr"), "-CA", at("corp.pem"), "-CAkey", at("corp.key"), "-days", "1000",
                       "-extfile", at("ext"), "-out", at("granted.pem")}),
              0)
        << log();
    put(at("chain.pem"), text_of(at("granted.pem")) + text_of(at("corp.pem")));
    put(at("wrong.pem"), text_of(at("corp.pem")));
    EXPECT_NE(refused({"ca", "accept", "--dir", at("ca"), "--name", "ca", "--certificate", at("wrong.pem")}), "accepted");
    must({"ca", "accept", "--dir", at("ca"), "--name", "ca", "--certificate", at("chain.pem")});
    issue("leaf", {"--serial", "SN-1", "--lifetime", "1h"}, "ca-ocsp");
    EXPECT_EQ(judge(at("leaf.pem"), {"-CAfile", at("corp.pem"), "-untrusted", at("ca/ca.pem")}), "good");
}

TEST_F(Hierarchies, ACaOfAnotherProgramIsTakenOver) {
    ASSERT_EQ(openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                       "/O=Old/CN=Old CA", "-days", "3650", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout",
                       at("old.key"), "-out", at("old.pem")}),
              0)
        << log();
    fs::permissions(at("old.key"), fs::perms::owner_read | fs::perms::owner_write);
    request("leaf", "/CN=leaf");
    ASSERT_EQ(openssl({"x509", "-req", "-in", at("leaf.csr"), "-CA", at("old.pem"), "-CAkey", at("old.key"), "-days", "100",
                       "-out", at("leaf.pem"), "-copy_extensions", "none", "-extfile", "/dev/null"}),
              0)
        << log();
    const auto done = must({"ca", "import", "--dir", at("ca"), "--name", "old", "--certificate", at("old.pem"), "--key",
                            "file:" + at("old.key"), "--issued", at("leaf.pem")});
    EXPECT_EQ(done.json().at("issued").to_number<int>(), 1);
    must({"ca", "revoke", "--dir", at("ca"), "--serial", serial_of(at("leaf.pem")), "--reason", "key_compromise"});
    must({"ca", "crl", "--dir", at("ca"), "--name", "old", "--out", at("old.crl")});
    EXPECT_EQ(judge(at("leaf.pem"), {"-CAfile", at("old.pem"), "-crl_check", "-CRLfile", at("old.crl")}), "revoked") << log();
    EXPECT_EQ(refused({"ca", "import", "--dir", at("ca"), "--name", "other", "--certificate", at("old.pem"), "--key",
                       "file:" + at("leaf.key")}),
              "issuer_key_mismatch");
}

TEST_F(Hierarchies, VouchesForAnothersRoot) {
    make_customer();
    must({"ca", "root", "--dir", at("other"), "--name", "ek", "--organization", "Chips", "--algorithm", "p384"});
    must({"ca", "subordinate", "--dir", at("other"), "--name", "ek-ca", "--under", "ek", "--organization", "Chips", "--algorithm",
          "p384", "--lifetime", "5y"});
    must({"ca", "cross-sign", "--dir", at("ca"), "--name", "z2", "--certificate", at("other/ek.pem"), "--out", at("cross.pem")});
    EXPECT_NE(judge(at("other/ek-ca.pem"), {"-CAfile", at("ca/z2.pem")}), "good");
    EXPECT_EQ(judge(at("other/ek-ca.pem"), {"-CAfile", at("ca/z2.pem"), "-untrusted", at("cross.pem")}), "good");
    const auto entries = berth({"--json", "ca", "log", "--dir", at("ca"), "--name", "z2"});
    EXPECT_THAT(entries.all(), testing::HasSubstr("\"profile\":\"cross\""));
}

TEST_F(Hierarchies, KeysInAToken) {
    if (!softhsm::installed()) {
        GTEST_SKIP() << "no SoftHSM";
    }
    const softhsm hsm;
    hsm.add_token("ca");
    const auto uri = [&](const std::string& name) {
        return "pkcs11:token=ca;object=" + name + "?module-path=" + softhsm::module() +
               "&pin-source=file:" + hsm.secret("pin2", softhsm::pin);
    };
    must({"ca", "root", "--dir", at("ca"), "--name", "z2", "--organization", "Birch", "--algorithm", "p384", "--key", uri("z2")});
    must({"ca", "subordinate", "--dir", at("ca"), "--name", "ca", "--under", "z2", "--organization", "Birch", "--algorithm",
          "p256", "--key", uri("ca")});
    EXPECT_FALSE(fs::exists(at("ca/z2.key")));
    EXPECT_FALSE(fs::exists(at("ca/ca.key")));
    put(at("ca/ca.toml"), "[[profile]]\nname = \"plain\"\nrequires = [\"admin\"]\nsubject = \"serialNumber={serial}\"\n"
                          "keys = [\"p256\"]\nlifetime = \"8h\"\n");
    issue("leaf", {"--serial", "SN-1"}, "plain");
    EXPECT_EQ(judge(at("leaf.pem"), {"-CAfile", at("ca/z2.pem"), "-untrusted", at("ca/ca.pem")}), "good");
    must({"ca", "rotate", "--dir", at("ca"), "--name", "ca", "--under", "z2", "--algorithm", "p256", "--key", uri("ca2"),
          "--lifetime", "5y"});
    EXPECT_THAT(text_of(at("ca/ca.1.uri")), testing::HasSubstr("object=ca?"));
    must({"ca", "crl", "--dir", at("ca"), "--name", "ca.1", "--out", at("old.crl")});
}

}  // namespace
}  // namespace berth::test
