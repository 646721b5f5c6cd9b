// A directory of CAs that `berth ca` makes, judged by openssl.
#pragma once

#include "common/files.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"
#include "support/spawn.h"

namespace berth::test {

class CaCommands : public testing::Test {
protected:
    [[nodiscard]] std::string at(const std::string& name) const { return (directory.path() / name).string(); }
    [[nodiscard]] static std::string text_of(const std::string& file) { return got(app::read_text(file)); }
    static void put(const std::string& file, const std::string& text) { ASSERT_TRUE(app::write_text(file, text)); }

    static program_result must(const std::vector<std::string>& arguments) {
        std::vector<std::string> all{"--json"};
        all.insert(all.end(), arguments.begin(), arguments.end());
        auto out = berth(all);
        EXPECT_EQ(out.exit, 0) << fmt::format("{}\n", fmt::join(arguments, " ")) << out.all();
        return out;
    }
    // The error that a command ends with.
    static std::string refused(const std::vector<std::string>& arguments) {
        std::vector<std::string> all{"--json"};
        all.insert(all.end(), arguments.begin(), arguments.end());
        const auto out = berth(all);
        return out.exit == 0 ? "accepted" : out.error_name();
    }
    // Exit code; what it said is in log().
    int openssl(std::vector<std::string> arguments) {
        std::filesystem::remove(at("openssl.log"));
        arguments.insert(arguments.begin(), BERTH_OPENSSL_COMMAND);
        return exit_of(spawn(std::move(arguments), at("openssl.log")));
    }
    [[nodiscard]] std::string log() const { return text_of(at("openssl.log")); }

    // A key and a request, made by openssl.
    std::string request(const std::string& name, const std::string& subject = "/", const std::vector<std::string>& more = {}) {
        std::vector<std::string> all{
            "req",   "-new",    "-newkey",         "ec",   "-pkeyopt",       "ec_paramgen_curve:P-256", "-nodes", "-subj",
            subject, "-keyout", at(name + ".key"), "-out", at(name + ".csr")};
        all.insert(all.end(), more.begin(), more.end());
        EXPECT_EQ(openssl(all), 0) << log();
        return at(name + ".csr");
    }
    std::string issue(const std::string& name, const std::vector<std::string>& more = {},
                      const std::string& profile = "operational") {
        std::vector<std::string> all{"ca",    "issue", "--dir",       at("ca"), "--profile",
                                     profile, "--csr", request(name), "--out",  at(name + ".pem")};
        all.insert(all.end(), more.begin(), more.end());
        must(all);
        return at(name + ".pem");
    }
    void make_customer(const std::string& algorithm = "p256") {
        must({"ca", "init", "--dir", at("ca"), "--customer", "Birch", "--hierarchy", "customer", "--algorithm", algorithm});
        // A maker is named by its certificates alone.
        profile_without_maker();
    }
    // So that openssl's requests need no IDevID.
    void profile_without_maker(const std::string& settings = {}) {
        std::string toml = text_of(at("ca/ca.toml"));
        for (size_t found; (found = toml.find("names_maker = true\n")) != std::string::npos;) {
            toml.erase(found, 19);
        }
        put(at("ca/ca.toml"), toml + settings);
    }
    [[nodiscard]] std::string serial_of(const std::string& file) const { return got(app::read_chain(file)).front().serial_hex(); }
    // "good", "revoked", or what openssl verify said.
    std::string judge(const std::string& leaf, const std::vector<std::string>& options) {
        std::vector<std::string> all{"verify"};
        all.insert(all.end(), options.begin(), options.end());
        all.push_back(leaf);
        if (openssl(all) == 0) {
            return "good";
        }
        return log().find("certificate revoked") != std::string::npos ? "revoked" : log();
    }

    temporary_directory directory;
};

}  // namespace berth::test
