// est.toml.
#include "credentials/keeping_config.h"

#include <gtest/gtest.h>

namespace berth::app {
namespace {

result<keeping_config> parse(const std::string& text) {
    return parse_keeping_config(text, "/bundle/est.toml");
}
std::string why_not(const std::string& text) {
    const auto read = parse(text);
    EXPECT_FALSE(read) << text;
    return read ? "" : read.error().message;
}
const std::string head = "[[est]]\nserver = \"est.example:8443\"\n";
const std::string credential = "[[est.credential]]\nname = \"ops\"\nalgorithm = \"p256\"\n";

TEST(KeepingConfig, HasItsDefaults) {
    const auto read = parse(head + credential);
    ASSERT_TRUE(read) << read.error().message;
    const auto& source = read->sources.at(0);
    EXPECT_EQ(source.at.text(), "est.example:8443");
    EXPECT_EQ(source.trust, "/bundle/installed/domain-root.pem");
    const auto& wish = source.credentials.at(0);
    EXPECT_EQ(wish.identity, "ldevid");
    EXPECT_EQ(wish.policy.threshold, (est::portion{est::portion::unit::percent, 67}));
    EXPECT_EQ(wish.accept, kept_wish::acceptance::est);
    EXPECT_TRUE(wish.places.empty() && wish.hooks.empty());
}

TEST(KeepingConfig, ReadsAllOfIt) {
    const auto read = parse("[[est]]\nserver = \"127.0.0.1:1\"\nhost = \"est.example\"\nlabel = \"ops\"\ntrust = "
                            "\"roots.pem\"\ncrls = [\"server.crl\"]\ntls12 = true\n" +
                            credential +
                            "identity = \"device\"\nrenew = \"12hour\"\nspread = 0\nsubject = [\"CN=pump\", \"O=Birch\"]\n"
                            "dns = [\"pump.example\"]\nuris = [\"urn:pump\"]\naccept = \"told\"\nrun = [\"/bin/x\", \"y\"]\n"
                            "reload = [\"nginx.service\"]\nhook_seconds = 5\n"
                            "key = [\"tpm2:0x81020010\", \"tpm2:0x81020011\"]\n");
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->sources[0].crls.size(), 1U);
    EXPECT_EQ(read->sources[0].crls[0].filename(), "server.crl");
    EXPECT_EQ(read->sources[0].trust, "/bundle/roots.pem");
    const auto& wish = read->sources[0].credentials[0];
    EXPECT_EQ(wish.policy.threshold, (est::portion{est::portion::unit::seconds, 43'200}));
    EXPECT_EQ(wish.subject.at(1).second, "Birch");
    ASSERT_EQ(wish.hooks.size(), 2U);
    EXPECT_EQ(wish.hooks[1].back(), "nginx.service");
    EXPECT_EQ(wish.places.size(), 2U);
}

TEST(KeepingConfig, MistakesAreTold) {
    EXPECT_NE(why_not("").find("est"), std::string::npos);
    EXPECT_NE(why_not(head).find("credential"), std::string::npos);
    EXPECT_NE(why_not(head + credential + credential).find("two credentials"), std::string::npos);
    EXPECT_NE(why_not(head + "[[est.credential]]\nname = \"ldevid\"\nalgorithm = \"p256\"\n").find("not \"ldevid\""),
              std::string::npos);
    EXPECT_NE(why_not(head + "[[est.credential]]\nname = \"../x\"\nalgorithm = \"p256\"\n").find("a name of a-z"),
              std::string::npos);
    EXPECT_NE(why_not(head + "[[est.credential]]\nname = \"x\"\nalgorithm = \"rsa\"\n").find("is not one of"), std::string::npos);
    EXPECT_NE(why_not(head + credential + "renew = \"soon\"\n").find("soon"), std::string::npos);
    EXPECT_NE(why_not(head + credential + "renw = \"67%\"\n").find("renw"), std::string::npos);
    EXPECT_NE(why_not(head + credential + "run = [\"sh\", \"-c\"]\n").find("whole path"), std::string::npos);
    EXPECT_NE(why_not(head + credential + "reload = [\"--now\"]\n").find("units"), std::string::npos);
    EXPECT_NE(why_not(head + credential + "accept = \"yes\"\n").find("told"), std::string::npos);
    EXPECT_NE(why_not(head + credential + "key = [\"tpm2:0x81020010\", \"tpm2:0x81020010\"]\n").find("two different"),
              std::string::npos);
    EXPECT_NE(why_not(head + credential + "key = [\"file:x.pem\"]\n").find("needs no"), std::string::npos);
    EXPECT_NE(why_not(head + "[[est.credential]]\nname = \"k\"\nalgorithm = \"mlkem768\"\naccept = \"est\"\n").find("KEM"),
              std::string::npos);
}

TEST(KeepingConfig, SecretsTowardsTheServerAreInFiles) {
    const auto read = parse(
        head + "user = \"SN-7\"\npassword_file = \"password\"\nheader = \"X-Line\"\nheader_file = \"/etc/line\"\n" + credential);
    ASSERT_TRUE(read) << read.error().message;
    const auto& source = read->sources[0];
    EXPECT_EQ(source.user, "SN-7");
    EXPECT_EQ(source.password_file, "/bundle/password");
    EXPECT_EQ(source.header, "X-Line");
    EXPECT_EQ(source.header_file, "/etc/line");
    EXPECT_NE(why_not(head + "user = \"SN-7\"\n" + credential).find("belong together"), std::string::npos);
    EXPECT_NE(why_not(head + "header_file = \"x\"\n" + credential).find("belong together"), std::string::npos);
}

TEST(KeepingConfig, OverAuthkemASignatureKeysCertificateIsShownToNobody) {
    const auto read = parse(head + "authkem = true\n" + credential);
    ASSERT_TRUE(read) << read.error().message;
    const auto& wish = read->sources[0].credentials[0];
    EXPECT_TRUE(read->sources[0].over_authkem && wish.over_authkem);
    EXPECT_EQ(wish.identity, "idevid") << "the maker's certificate of its KEM key";
    EXPECT_EQ(wish.accept, kept_wish::acceptance::told);
    EXPECT_FALSE(wish.authenticates());
    EXPECT_NE(why_not(head + "authkem = true\ntls12 = true\n" + credential).find("exclude"), std::string::npos);
    EXPECT_NE(why_not(head + "authkem = true\n" + credential + "accept = \"est\"\n").find("told"), std::string::npos);
    EXPECT_NE(why_not(head + "authkem = true\n[[est.credential]]\nname = \"k\"\nalgorithm = \"mlkem768\"\n").find("RFC 9883"),
              std::string::npos);
    EXPECT_NE(why_not(head + "[[est.credential]]\nname = \"idevid\"\nalgorithm = \"p256\"\n").find("idevid"), std::string::npos);
}

TEST(KeepingConfig, RecoveryIsToldUnlessSomethingElseIsSaid) {
    EXPECT_EQ(parse(head + credential)->recover, recovery::tell);
    const auto read = parse("recover = \"onboard\"\n" + head + credential + "identity = \"device\"\n");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->recover, recovery::onboard);
    EXPECT_NE(why_not("recover = \"onboard\"\n" + head + credential).find("ldevid"), std::string::npos)
        << "an onboarding gives no new one";
    EXPECT_NE(why_not("recover = \"reset\"\n" + head + credential).find("tell"), std::string::npos);
}

TEST(KeepingConfig, AKemCredentialIsAcceptedByWordOnly) {
    const auto read = parse(head + "[[est.credential]]\nname = \"k\"\nalgorithm = \"mlkem768_p256\"\n");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->sources[0].credentials[0].accept, kept_wish::acceptance::told);
}

}  // namespace
}  // namespace berth::app
