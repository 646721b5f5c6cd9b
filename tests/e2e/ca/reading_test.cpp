// `berth ca inspect` and `verify`: what a person is told.
#include "ca_fixture.h"

namespace berth::test {
namespace {

class Reading : public CaCommands {
protected:
    void SetUp() override { make_customer(); }
    std::string told(const std::vector<std::string>& files) {
        std::vector<std::string> all{"ca", "inspect"};
        all.insert(all.end(), files.begin(), files.end());
        return berth(all).all();
    }
};

TEST_F(Reading, EveryKindOfFile) {
    issue("leaf", {"--serial", "SN-1"});
    must({"ca", "revoke", "--dir", at("ca"), "--serial", serial_of(at("leaf.pem")), "--reason", "key_compromise"});
    must({"ca", "crl", "--dir", at("ca"), "--name", "ca", "--out", at("ca.crl")});
    EXPECT_THAT(told({at("ca/z2.pem")}), testing::HasSubstr("signed with its own key (a root)"));
    EXPECT_THAT(told({at("leaf.pem")}),
                testing::AllOf(testing::HasSubstr("It speaks of the device SN-1"), testing::HasSubstr("Epoch 0"),
                               testing::HasSubstr("as clientAuth"), testing::HasSubstr("valid now")));
    EXPECT_THAT(told({at("leaf.csr")}), testing::HasSubstr("its signature is good"));
    EXPECT_THAT(told({at("ca.crl")}), testing::AllOf(testing::HasSubstr("1 certificates"), testing::HasSubstr("key_compromise")));
    const std::string key = told({at("ca/z2.key")});
    EXPECT_THAT(key, testing::HasSubstr("Private key: ECDSA P-256, not encrypted"));
    ASSERT_EQ(openssl({"pkey", "-in", at("ca/z2.key"), "-pubout", "-out", at("z2.pub")}), 0);
    EXPECT_THAT(told({at("z2.pub")}), testing::HasSubstr("Public key: ECDSA P-256"));
    ASSERT_EQ(openssl({"x509", "-in", at("leaf.pem"), "-outform", "DER", "-out", at("leaf.der")}), 0);
    EXPECT_THAT(told({at("leaf.der")}), testing::HasSubstr("SN-1"));
    ASSERT_EQ(openssl({"ocsp", "-issuer", at("ca/ca.pem"), "-cert", at("leaf.pem"), "-reqout", at("request.der")}), 0);
    EXPECT_THAT(told({at("request.der")}), testing::HasSubstr("with a nonce"));
    must({"ca", "ocsp", "--dir", at("ca"), "--name", "ca", "--request", at("request.der"), "--out", at("answer.der")});
    EXPECT_THAT(told({at("answer.der")}),
                testing::AllOf(testing::HasSubstr("OCSP response of"), testing::HasSubstr("revoked since"),
                               testing::HasSubstr("key_compromise"), testing::HasSubstr("with the asker's nonce")));
    const auto answer = must({"ca", "inspect", at("answer.der")}).json();
    EXPECT_EQ(answer.at("kind").as_string(), "ocsp_response");
    EXPECT_EQ(answer.at("answers").at(0).at("serial").as_string(), serial_of(at("leaf.pem")));
    put(at("later.der"), std::string("\x30\x03\x0a\x01\x03", 5));
    EXPECT_THAT(told({at("later.der")}), testing::HasSubstr("answers nothing: try_later"));
    for (const char* form : {"PEM", "DER"}) {
        ASSERT_EQ(
            openssl({"crl2pkcs7", "-in", at("ca.crl"), "-certfile", at("leaf.pem"), "-outform", form, "-out", at("all.p7")}), 0)
            << log();
        EXPECT_THAT(told({at("all.p7")}), testing::AllOf(testing::HasSubstr("2 certificates and 1 revocation lists"),
                                                         testing::HasSubstr("It speaks of the device SN-1")))
            << form;
    }
    // A bundle: a line of JSON each.
    put(at("bundle"), text_of(at("ca/ca.pem")) + text_of(at("ca/z2.key")));
    const auto bundle = must({"ca", "inspect", at("bundle")});
    EXPECT_EQ(bundle.output.size(), 3U);
    EXPECT_THAT(bundle.all(), testing::Not(testing::HasSubstr("PRIVATE KEY---")));
    put(at("none"), "hello");
    EXPECT_EQ(refused({"ca", "inspect", at("none")}), "not_understood");
    EXPECT_EQ(refused({"ca", "inspect", at("nowhere")}), "file_not_found");
}

TEST_F(Reading, EncryptedKeys) {
    put(at("pass"), "secret\n");
    std::filesystem::permissions(at("pass"), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    must({"ca", "root", "--dir", at("locked"), "--name", "z2", "--organization", "Birch", "--algorithm", "mldsa65",
          "--passphrase-file", at("pass")});
    EXPECT_THAT(told({at("locked/z2.key")}), testing::HasSubstr("encrypted with a passphrase"));
    EXPECT_THAT(berth({"ca", "inspect", at("locked/z2.key"), "--passphrase-file", at("pass")}).all(),
                testing::HasSubstr("ML-DSA-65"));
    EXPECT_EQ(refused({"ca", "subordinate", "--dir", at("locked"), "--name", "ca", "--under", "z2", "--organization", "Birch"}),
              "passphrase_required");
}

TEST_F(Reading, RequestsThatNobodyShouldGrant) {
    request("odd", "/CN=x", {"-addext", "1.2.3.4.5=ASN1:NULL"});
    EXPECT_THAT(told({at("odd.csr")}), testing::HasSubstr("It also asks for 1.2.3.4.5"));
    ASSERT_EQ(openssl({"req", "-in", at("odd.csr"), "-outform", "DER", "-out", at("odd.der")}), 0);
    std::string der = text_of(at("odd.der"));
    der.back() = static_cast<char>(der.back() ^ 1);
    put(at("odd.der"), der);
    EXPECT_THAT(told({at("odd.der")}), testing::HasSubstr("Nobody should grant it"));
}

TEST_F(Reading, WhyAChainFails) {
    issue("leaf", {"--serial", "SN-1"});
    const auto verify = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"ca", "verify", at("leaf.pem")});
        return berth(more);
    };
    const auto good = verify({"--trust", at("ca/z2.pem")});
    EXPECT_EQ(good.exit, 0) << good.all();
    EXPECT_THAT(good.all(), testing::HasSubstr("Good at"));
    // The leaf alone.
    put(at("alone.pem"), got(app::read_chain(at("leaf.pem"))).front().to_pem());
    const auto lonely = berth({"ca", "verify", at("alone.pem"), "--trust", at("ca/z2.pem")});
    EXPECT_EQ(lonely.exit, 1);
    EXPECT_THAT(lonely.all(), testing::HasSubstr("nobody given is called"));
    // A CA of the same name.
    must({"ca", "root", "--dir", at("impostor"), "--name", "z2", "--organization", "Birch", "--common-name", "Birch root",
          "--algorithm", "p256"});
    const auto fooled = verify({"--trust", at("impostor/z2.pem")});
    EXPECT_EQ(fooled.exit, 1);
    EXPECT_THAT(fooled.all(), testing::HasSubstr("that CA has another key"));
    const auto late = verify({"--trust", at("ca/z2.pem"), "--at", "2099-01-01"});
    EXPECT_THAT(late.all(), testing::HasSubstr("certificate_expired"));
    EXPECT_THAT(verify({"--trust", at("ca/z2.pem"), "--require-crl"}).all(), testing::HasSubstr("crl_missing"));
    EXPECT_THAT(verify({"--trust", at("ca/z2.pem"), "--purpose", "server"}).all(), testing::HasSubstr("is not for a server"));
    EXPECT_THAT(verify({"--trust", at("ca/z2.pem"), "--host", "x.example"}).all(), testing::HasSubstr("wrong_host"));
    EXPECT_EQ(refused({"ca", "verify", at("leaf.pem"), "--trust", at("leaf.pem")}), "bad_anchor");
    EXPECT_EQ(refused({"ca", "verify", at("leaf.pem"), "--trust", at("ca/z2.pem"), "--at", "tomorrow"}), "bad_arguments");
}

}  // namespace
}  // namespace berth::test
