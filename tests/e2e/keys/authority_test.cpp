// Authorities whose keys are in a token: a factory, a MASA, a customer's CA and registrar, served by berthd to a device. No
// private key is in any of their directories.
#include "key_world.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Authorities : public KeyWorld {
protected:
    void SetUp() override { BERTH_NEEDS_SOFTHSM(); }
    void make_token_ca() {
        put("ca/z2.uri", in_token("z2"));
        put("ca/ca.uri", in_token("ca"));
        must({"ca", "init", "--dir", at("ca"), "--customer", "Birch", "--algorithm", "p384"});
    }
    void TearDown() override {
        for (const char* name : {"z1", "idevid-ca", "idevid-ca-classical", "z2", "ca", "z4", "z5", "z5-spare"}) {
            if (softhsm::installed()) {
                berth({"key", "delete", in_token(name)});
            }
        }
    }
};

TEST_F(Authorities, ACaWithoutAKeyFile) {
    make_token_ca();
    EXPECT_EQ(private_keys("ca"), 0U);
    EXPECT_EQ(exit_of(spawn({BERTH_OPENSSL_COMMAND, "verify", "-CAfile", at("ca/z2.pem"), at("ca/ca.pem")}, at("log"))), 0);
}

// Keys that somebody has made in the token before are taken as they are.
TEST_F(Authorities, TakesAKeyThatIsThere) {
    must({"key", "generate", in_token("z2"), "--alg", "p384", "--out", at("z2.pub")});
    make_token_ca();
    const auto shown = berth({"--json", "key", "show", in_token("z2")});
    EXPECT_EQ(shown.json().at("public_key").as_string(), text_of("z2.pub"));
}

TEST_F(Authorities, AnAlgorithmThatTheKeyIsNotOf) {
    must({"key", "generate", in_token("z2"), "--alg", "p256"});
    put("ca/z2.uri", in_token("z2"));
    const auto refused = berth({"--json", "ca", "init", "--dir", at("ca"), "--customer", "Birch", "--algorithm", "p384"});
    EXPECT_EQ(refused.error_name(), "wrong_algorithm") << refused.all();
    EXPECT_EQ(refused.exit, 2);
    EXPECT_FALSE(fs::exists(at("ca/z2.pem")));
    put("ca2/z2.uri", in_token("new"));
    const auto unable = berth({"--json", "ca", "init", "--dir", at("ca2"), "--customer", "Birch", "--algorithm", "mldsa65"});
    EXPECT_EQ(unable.error_name(), "operation_unsupported") << unable.all();
    EXPECT_NE(unable.all().find("z2.uri"), std::string::npos) << unable.all();
    EXPECT_NE(unable.all().find("--algorithm p384"), std::string::npos) << "as the option has it";
    EXPECT_NE(berth({"key", "show", in_token("new")}).exit, 0) << "nothing was made";
}

TEST_F(Authorities, ServeADeviceFromAToken) {
    for (const char* name :
         {"factory/z1", "factory/idevid-ca", "factory/idevid-ca-classical", "masa/z5", "masa/z5-spare", "registrar/z4"}) {
        put(std::string(name) + ".uri", in_token(fs::path(name).filename().string()));
    }
    make_token_ca();
    ASSERT_NO_FATAL_FAILURE(serve("p384"));
    // The audit log's key is the one that stays in a file: it is ML-DSA.
    EXPECT_EQ(private_keys("factory") + private_keys("ca") + private_keys("registrar"), 0U);
    EXPECT_EQ(private_keys("masa"), 1U);
    ASSERT_NO_FATAL_FAILURE(must(order("HSM-1", {})));
    onboard("HSM-1");
}

}  // namespace
}  // namespace berth::test
