// berth key, over every back end: a software file, swtpm, stsafe-sim, SoftHSM.
#include "key_places.h"

#include <fstream>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

struct place {
    std::string label;
    std::function<bool()> installed;
    std::function<std::string(const fs::path&)> signing;
    std::function<std::string(const fs::path&)> kem;
    bool seals = true;
    bool attests = false;
    static std::string name(const testing::TestParamInfo<place>& p) { return p.param.label; }
    friend void PrintTo(const place& p, std::ostream* os) { *os << p.label; }
};

bool always() {
    return true;
}

class KeyCommands : public testing::TestWithParam<place> {
protected:
    void SetUp() override {
        if (!GetParam().installed()) {
            GTEST_SKIP() << "its simulator is not installed; scripts/bootstrap installs it";
        }
        signing = GetParam().signing(directory.path());
        kem = GetParam().kem(directory.path());
    }
    [[nodiscard]] std::string at(const std::string& name) const { return (directory.path() / name).string(); }
    static program_result key(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--json", "key"});
        return berth(arguments);
    }
    static void expect_refused(const program_result& r, const std::string& name, int exit) {
        EXPECT_EQ(r.error_name(), name) << r.all();
        EXPECT_EQ(r.exit, exit) << r.all();
    }
    [[nodiscard]] int openssl(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), BERTH_OPENSSL_COMMAND);
        return exit_of(spawn(arguments, directory.path() / "log"));
    }

    temporary_directory directory;
    std::string signing, kem;
};

TEST_P(KeyCommands, SignaturesThatOpensslVerifies) {
    const auto made = key({"generate", signing, "--alg", "p256", "--out", at("public.pem")});
    ASSERT_EQ(made.exit, 0) << made.all();
    EXPECT_EQ(made.json().at("kind").as_string(), "signature");
    EXPECT_EQ(made.json().at("hardware").as_bool(), !made.json().at("exportable").as_bool());
    expect_refused(key({"generate", signing, "--alg", "p256"}), "key_exists", 2);
    const auto shown = key({"show", signing});
    ASSERT_EQ(shown.exit, 0) << shown.all();
    EXPECT_EQ(shown.json().at("public_key"), made.json().at("public_key"));

    std::ofstream(at("message")) << "something to sign";
    const auto is_signed = key({"sign", signing, "--in", at("message"), "--out", at("signature")});
    ASSERT_EQ(is_signed.exit, 0) << is_signed.all();
    EXPECT_EQ(openssl({"dgst", "-sha256", "-verify", at("public.pem"), "-signature", at("signature"), at("message")}), 0);
    std::ofstream(at("message")) << "something else";
    EXPECT_NE(openssl({"dgst", "-sha256", "-verify", at("public.pem"), "-signature", at("signature"), at("message")}), 0);

    ASSERT_EQ(key({"delete", signing}).exit, 0);
    EXPECT_NE(key({"show", signing}).exit, 0);
    expect_refused(key({"delete", signing}), "key_not_found", 3);
}

TEST_P(KeyCommands, KemKeys) {
    const auto made = key({"generate", kem, "--alg", "mlkem768_p256"});
    ASSERT_EQ(made.exit, 0) << made.all();
    EXPECT_EQ(made.json().at("kind").as_string(), "kem");
    EXPECT_TRUE(made.json().at("post_quantum").as_bool());
    EXPECT_EQ(made.json().at("held").as_string(), made.json().at("hardware").as_bool() ? "half" : "none") << "no chip does ML-KEM";
    const auto lines = berth({"key", "show", kem}).output;
    ASSERT_FALSE(lines.empty());
    EXPECT_EQ(lines.front(), "SHA-256 of the public key: " + std::string(made.json().at("spki_sha256").as_string()));
    const auto shown = key({"show", kem});
    EXPECT_EQ(shown.json(), made.json()) << shown.all();
    EXPECT_NE(key({"sign", kem, "--in", "/dev/null"}).exit, 0);
    EXPECT_EQ(key({"delete", kem}).exit, 0);
}

TEST_P(KeyCommands, SealsAndRandomOctets) {
    ASSERT_EQ(key({"generate", signing, "--alg", "p256"}).exit, 0);
    const auto drawn = key({"random", signing, "--octets", "24"});
    EXPECT_EQ(drawn.json().at("octets").as_string().size(), 32U) << drawn.all();
    std::ofstream(at("secret")) << "a secret\n";
    const auto sealed = key({"seal", signing, "--in", at("secret"), "--out", at("sealed")});
    if (!GetParam().seals) {
        expect_refused(sealed, "operation_unsupported", 2);
        EXPECT_FALSE(fs::exists(at("sealed")));
    } else {
        ASSERT_EQ(sealed.exit, 0) << sealed.all();
        EXPECT_EQ(fs::status(at("sealed")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
        const auto opened = berth({"key", "unseal", signing, "--in", at("sealed")});
        EXPECT_EQ(opened.output, std::vector<std::string>{"a secret"}) << opened.all();
        std::ofstream(at("sealed"), std::ios::app) << "x";
        expect_refused(key({"unseal", signing, "--in", at("sealed")}), "seal_invalid", 2);
    }
    EXPECT_EQ(key({"delete", signing}).exit, 0);
}

TEST_P(KeyCommands, Attestations) {
    ASSERT_EQ(key({"generate", signing, "--alg", "p256"}).exit, 0);
    const auto said = key({"attest", signing, "--nonce", "00112233"});
    if (GetParam().attests) {
        for (const char* part : {"statement", "signature", "key", "by"}) {
            EXPECT_FALSE(said.json().at(part).as_string().empty()) << part;
        }
        expect_refused(key({"attest", signing, "--nonce", "0"}), "bad_hex", 2);
    } else {
        expect_refused(said, "operation_unsupported", 2);
    }
    EXPECT_EQ(key({"delete", signing}).exit, 0);
}

TEST_P(KeyCommands, WhatIsNoAlgorithm) {
    expect_refused(key({"generate", signing, "--alg", "rsa"}), "unknown_algorithm", 2);
    EXPECT_NE(key({"show", signing}).exit, 0) << "nothing was made";
}

std::vector<place> places() {
    return {{.label = "file",
             .installed = always,
             .signing = [](const fs::path& d) { return "file:" + (d / "signing.pem").string(); },
             .kem = [](const fs::path& d) { return (d / "kem.pem").string(); },
             .seals = false},
            {.label = "tpm2",
             .installed = swtpm::installed,
             .signing = [](const fs::path&) { return in_tpm("0x81000010"); },
             .kem = [](const fs::path& d) { return in_tpm("0x81000011;seed=" + (d / "seed").string()); },
             .attests = true},
            {.label = "stsafe",
             .installed = always,
             .signing = [](const fs::path&) { return in_element("slot=1"); },
             .kem = [](const fs::path&) { return in_element("slot=2"); }},
            {.label = "pkcs11",
             .installed = softhsm::installed,
             .signing = [](const fs::path&) { return in_token("commands"); },
             .kem = [](const fs::path&) { return in_token("commands-kem"); }}};
}

INSTANTIATE_TEST_SUITE_P(Every, KeyCommands, testing::ValuesIn(places()), place::name);

// A KEM key of a TPM whose name lacks its file: what is missing is said, not that it signs nothing.
TEST(KeyErrors, HalfOfANameIsToldSo) {
    BERTH_NEEDS_SWTPM();
    temporary_directory directory;
    const std::string seed = (directory.path() / "seed").string();
    ASSERT_EQ(berth({"key", "generate", in_tpm("0x81000012;seed=" + seed), "--alg", "mlkem768_p256"}).exit, 0);
    const auto half = berth({"--json", "key", "show", in_tpm("0x81000012")});
    EXPECT_EQ(half.error_name(), "bad_key_uri") << half.all();
    EXPECT_NE(half.all().find("seed=FILE"), std::string::npos) << half.all();
    const auto slip = berth({"--json", "key", "delete", in_tpm("0x81000012;seed=" + seed + "x")});
    EXPECT_EQ(slip.error_name(), "file_not_found") << slip.all();
    EXPECT_EQ(berth({"key", "delete", in_tpm("0x81000012;seed=" + seed)}).exit, 0) << "it was still there";
    EXPECT_FALSE(fs::exists(seed));
}

TEST(KeyErrors, HaveExitCodes) {
    const auto refused = [](std::vector<std::string> arguments, const std::string& name, int exit) {
        arguments.insert(arguments.begin(), {"--json", "key", "show"});
        const auto r = berth(arguments);
        EXPECT_EQ(r.error_name(), name) << r.all();
        EXPECT_EQ(r.exit, exit) << r.all();
    };
    refused({"https://example.com"}, "bad_key_uri", 2);
    refused({"pkcs11:object=x?module-path=/nowhere.so"}, "pkcs11_unavailable", 3);
    refused({"tpm2:0x81020000;tcti=device:/nowhere"}, "tpm_unavailable", 3);
    refused({"stsafe:slot=1;device=/nowhere"}, "stsafe_absent", 3);
    refused({"file:/nowhere"}, "file_not_found", 3);
    if (softhsm::installed()) {
        token().secret("wrong", "13579-pin");
        refused({token().uri("berth", "object=x", "wrong")}, "pin_incorrect", 2);
        refused({token().uri("other", "object=x")}, "token_not_found", 3);
    }
}

}  // namespace
}  // namespace berth::test
