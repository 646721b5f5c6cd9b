// berth jose, as a script runs it: keys in files and in a real token.
#include "support/onboarding_parties.h"
#include "support/programs.h"
#include "support/softhsm.h"
#include "wire/base64.h"

#include <fstream>

#include <sys/stat.h>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

struct JoseCommands : testing::Test {
    fs::path dir = fs::temp_directory_path() / ("berth-jose-" + std::to_string(::getpid()));
    void SetUp() override {
        fs::create_directories(dir);
        std::ofstream(at("payload")) << R"({"kwh":3})";
    }
    void TearDown() override { fs::remove_all(dir); }

    [[nodiscard]] std::string at(const std::string& name) const { return (dir / name).string(); }
    [[nodiscard]] std::string text(const std::string& name) const {
        std::ifstream in(dir / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    // A key pair: NAME.jwk, NAME.pub.
    void make(const std::string& name, std::vector<std::string> how) const {
        std::vector<std::string> arguments{"jose", "generate", "--out", at(name + ".jwk")};
        arguments.insert(arguments.end(), how.begin(), how.end());
        const auto made = berth(arguments);
        ASSERT_EQ(made.exit, 0) << made.all();
        const auto out = berth({"jose", "public", "--key", at(name + ".jwk"), "--out", at(name + ".pub")});
        ASSERT_EQ(out.exit, 0) << out.all();
    }
    [[nodiscard]] std::string refused(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"--json", "jose"});
        const auto done = berth(arguments);
        EXPECT_NE(done.exit, 0) << done.all();
        return done.error_name();
    }
};

TEST_F(JoseCommands, SignSealOpenVerify) {
    for (const auto* const signing : {"ES256", "EdDSA", "ML-DSA-65"}) {
        for (const auto* const sealing : {"ECDH-ES", "HPKE-8", "HPKE-9"}) {
            SCOPED_TRACE(std::string(signing) + " " + sealing);
            fs::remove_all(dir);
            SetUp();
            make("signer", {"--alg", signing});
            make("reader", {"--alg", sealing});
            for (const auto& arguments : std::vector<std::vector<std::string>>{
                     {"sign", "--key", at("signer.jwk"), "--typ", "report+jwt", "--in", at("payload"), "--out", at("token")},
                     {"seal", "--key", at("reader.pub"), "--cty", "JWT", "--in", at("token"), "--out", at("sealed")},
                     {"open", "--key", at("reader.jwk"), "--in", at("sealed"), "--out", at("opened")},
                     {"verify", "--key", at("signer.pub"), "--typ", "report+jwt", "--in", at("opened"), "--out", at("back")}}) {
                auto all = arguments;
                all.insert(all.begin(), "jose");
                const auto done = berth(all);
                ASSERT_EQ(done.exit, 0) << arguments[0] << ": " << done.all();
            }
            EXPECT_EQ(text("back"), text("payload"));
            EXPECT_EQ(refused({"verify", "--key", at("signer.pub"), "--typ", "command+jwt", "--in", at("token")}), "wrong_type");
            EXPECT_EQ(refused({"open", "--key", at("signer.jwk"), "--in", at("sealed")}), "wrong_key_use");
            EXPECT_EQ(refused({"verify", "--key", at("signer.pub"), "--in", at("sealed")}), "malformed");
            const auto shown = berth({"--json", "jose", "inspect", "--in", at("sealed")});
            EXPECT_EQ(std::string(shown.json().at("header").as_object().at("alg").as_string()), sealing);
        }
    }
}

TEST_F(JoseCommands, PrivateKeysArePrivate) {
    make("signer", {"--alg", "ML-DSA-44"});
    struct stat what{};
    ASSERT_EQ(::stat(at("signer.jwk").c_str(), &what), 0);
    EXPECT_EQ(what.st_mode & 0777U, 0600U);
    EXPECT_EQ(text("signer.pub").find("priv"), std::string::npos);
    EXPECT_EQ(refused({"generate", "--alg", "ES256", "--out", at("signer.jwk")}), "key_exists");
    ASSERT_EQ(::chmod(at("signer.jwk").c_str(), 0644), 0);
    EXPECT_EQ(refused({"sign", "--key", at("signer.jwk"), "--in", at("payload")}), "unsafe_permissions");
    EXPECT_EQ(refused({"generate", "--alg", "RS256"}), "algorithm_refused");
    EXPECT_EQ(refused({"sign", "--key", at("payload"), "--in", at("payload")}), "unsafe_permissions");
    EXPECT_EQ(refused({"verify", "--key", at("payload"), "--in", at("payload")}), "bad_jwk");
    EXPECT_EQ(refused({"seal", "--key", at("signer.pub"), "--in", at("payload")}), "wrong_key_use");
    EXPECT_EQ(refused({"seal", "--key", at("nothing"), "--in", at("payload")}), "file_not_found");
}

// Whose private half lies in a token, or in a PEM file, and whose public half is a JWK like any other.
TEST_F(JoseCommands, KeysThatLieElsewhere) {
    if (!softhsm::installed()) {
        GTEST_SKIP() << "softhsm2 is not installed: scripts/bootstrap does it";
    }
    softhsm hsm;
    hsm.add_token("berth");
    const auto signer = hsm.uri("berth", "object=signer");
    const auto reader = "file:" + at("reader.pem");
    for (const auto& [uri, alg] : {std::pair(signer, "p256"), std::pair(reader, "mlkem768_p256")}) {
        const auto made = berth({"key", "generate", uri, "--alg", alg});
        ASSERT_EQ(made.exit, 0) << made.all();
    }
    for (const auto& arguments :
         std::vector<std::vector<std::string>>{{"public", "--key", signer, "--out", at("signer.pub")},
                                               {"public", "--key", reader, "--out", at("reader.pub")},
                                               {"sign", "--key", signer, "--in", at("payload"), "--out", at("token")},
                                               {"verify", "--key", at("signer.pub"), "--in", at("token")},
                                               {"seal", "--key", at("reader.pub"), "--in", at("token"), "--out", at("sealed")},
                                               {"open", "--key", reader, "--in", at("sealed"), "--out", at("opened")}}) {
        auto all = arguments;
        all.insert(all.begin(), "jose");
        const auto done = berth(all);
        ASSERT_EQ(done.exit, 0) << arguments[0] << ": " << done.all();
    }
    EXPECT_EQ(text("opened"), text("token"));

    // ECDH-ES, whose private half never leaves the token.
    const auto elliptic = hsm.uri("berth", "object=elliptic");
    const auto made = berth({"key", "generate", elliptic, "--alg", "ecdh_p256"});
    ASSERT_EQ(made.exit, 0) << made.all();
    for (const std::string alg : {"ECDH-ES", "ECDH-ES+A256KW"}) {
        SCOPED_TRACE(alg);
        for (const auto& arguments : std::vector<std::vector<std::string>>{
                 {"public", "--key", elliptic, "--alg", alg, "--enc", "A128GCM", "--out", at("elliptic.pub")},
                 {"seal", "--key", at("elliptic.pub"), "--in", at("payload"), "--out", at("sealed")},
                 {"open", "--key", elliptic, "--alg", alg, "--enc", "A128GCM", "--fips", "--in", at("sealed"), "--out",
                  at("opened")}}) {
            auto all = arguments;
            all.insert(all.begin(), "jose");
            const auto done = berth(all);
            ASSERT_EQ(done.exit, 0) << arguments[0] << ": " << done.all();
        }
        EXPECT_EQ(text("opened"), text("payload"));
    }
    EXPECT_EQ(refused({"open", "--key", elliptic, "--in", at("sealed")}), "algorithm_mismatch");
    EXPECT_EQ(refused({"sign", "--key", elliptic, "--in", at("payload")}), "wrong_key_kind");
}

TEST_F(JoseCommands, SetsOfKeys) {
    make("first", {"--alg", "ES256"});
    make("second", {"--alg", "ML-DSA-44"});
    make("reader", {"--alg", "ECDH-ES"});
    const auto set = berth({"jose", "jwks", at("first.pub"), at("second.pub"), at("reader.pub"), "--out", at("set")});
    ASSERT_EQ(set.exit, 0) << set.all();
    for (const auto* const who : {"first", "second"}) {
        const auto token =
            berth({"jose", "sign", "--key", at(std::string(who) + ".jwk"), "--in", at("payload"), "--out", at("token")});
        ASSERT_EQ(token.exit, 0) << token.all();
        const auto done = berth({"jose", "verify", "--key", at("set"), "--in", at("token"), "--out", at("back")});
        ASSERT_EQ(done.exit, 0) << done.all();
        EXPECT_EQ(text("back"), text("payload"));
    }
    make("stranger", {"--alg", "ES256"});
    ASSERT_EQ(berth({"jose", "sign", "--key", at("stranger.jwk"), "--in", at("payload"), "--out", at("token")}).exit, 0);
    EXPECT_EQ(refused({"verify", "--key", at("set"), "--in", at("token")}), "unknown_key");
    EXPECT_EQ(refused({"seal", "--key", at("set"), "--in", at("payload")}), "bad_jwk");
    EXPECT_EQ(refused({"jwks", at("first.jwk")}), "private_key");
    EXPECT_EQ(refused({"jwks", at("first.pub"), at("first.pub")}), "duplicate_key");
    EXPECT_EQ(refused({"jwks", at("payload")}), "bad_jwk");

    // Private keys, of which the sealed token names one; the keys passed over are told.
    std::string secrets = text("reader.jwk");
    std::ofstream(at("secrets")) << R"({"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},)" + secrets + "]}";
    ASSERT_EQ(::chmod(at("secrets").c_str(), 0600), 0);
    ASSERT_EQ(berth({"jose", "seal", "--key", at("reader.pub"), "--in", at("payload"), "--out", at("sealed")}).exit, 0);
    const auto opened = berth({"jose", "open", "--key", at("secrets"), "--in", at("sealed"), "--out", at("back")});
    ASSERT_EQ(opened.exit, 0) << opened.all();
    EXPECT_NE(opened.all().find("RSA"), std::string::npos);
    EXPECT_EQ(text("back"), text("payload"));
}

}  // namespace
}  // namespace berth::test
