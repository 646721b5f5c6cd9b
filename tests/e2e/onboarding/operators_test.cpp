// Commands as operators' scripts meet them when something is in the way: exit codes, names of errors, --json.
#include "common/files.h"
#include "setup/keys.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Operators : public testing::Test {
protected:
    [[nodiscard]] std::string at(const std::string& name) const { return (directory.path() / name).string(); }
    temporary_directory directory;
};

TEST_F(Operators, BerthdSaysUsageAsTheOthersDo) {
    EXPECT_EQ(run_program("berthd", {"--nonsense"}).exit, 2);
    EXPECT_EQ(run_program("berthd", {"check"}).exit, 2);
    EXPECT_EQ(run_program("berthd", {"--config"}).exit, 2);
    EXPECT_EQ(run_program("berthd", {"--help"}).exit, 0);
    const auto none = run_program("berthd", {"--json"});
    EXPECT_EQ(none.exit, 2);
    EXPECT_EQ(none.error_name(), "no_config");
    const auto missing = run_program("berthd", {"--json", "--config", at("nowhere.toml")});
    EXPECT_EQ(missing.exit, 3);
    EXPECT_EQ(missing.error_name(), "file_not_found");
    ASSERT_TRUE(app::write_text(at("bad.toml"), "[masa]\n"));
    const auto bad = run_program("berthd", {"check", at("bad.toml"), "--json"});
    EXPECT_EQ(bad.exit, 2);
    EXPECT_EQ(bad.error_name(), "bad_config");
}

// std::filesystem throws where it is not asked for a code: a name that no file system takes is one way to make it.
TEST_F(Operators, WhatCannotBeLookedAtIsAnErrorWithAName) {
    const std::string odd = at(std::string(300, 'x'));
    const std::vector<std::vector<std::string>> commands{
        {"--json", "ownership", "show", "--masa", odd},
        {"--json", "registrar", "devices", "--dir", odd},
        {"--json", "factory", "init", "--dir", odd, "--maker", "Acme"},
        {"--json", "device", "show", "--bundle", odd},
        {"--json", "quickstart", "--dir", odd},
    };
    for (const auto& arguments : commands) {
        const auto r = berth(arguments);
        EXPECT_EQ(r.exit, 3) << arguments[1] << "\n" << r.all();
        EXPECT_EQ(r.error_name(), "file_error") << arguments[1] << "\n" << r.all();
    }
    EXPECT_EQ(run_program("berthd", {"--json", "--config", odd}).exit, 3);
    EXPECT_EQ(run_program("berth-agent", {"--bundle", odd}).exit, 3);
}

TEST_F(Operators, AWorkingDirectoryThatIsGoneIsAnErrorWithAName) {
    for (const char* command : {"berthd --json --config here.toml", "berth --json device show --bundle here",
                                "berth --json quickstart --dir here", "berth-agent --bundle here"}) {
        auto shell = app::child_process::start("/bin/sh", {"-c", fmt::format("mkdir {0} && cd {0} && rmdir {0} && exec {1}/{2}",
                                                                             at("gone"), BERTH_BIN_DIR, command)});
        ASSERT_TRUE(shell);
        while (!shell->ended()) {
            app::poll_children({&*shell}, 50);
        }
        EXPECT_EQ(shell->exit_code(), 3) << command;
    }
}

TEST_F(Operators, BerthdNamesAWrongFileAtStart) {
    ASSERT_EQ(berth({"factory", "init", "--dir", at("factory"), "--maker", "Acme"}).exit, 0);
    ASSERT_EQ(
        berth({"masa", "init", "--dir", at("masa"), "--factory", at("factory"), "--host", "m", "--listen", "127.0.0.1:0"}).exit,
        0);
    for (const char* name : {"birch", "cedar"}) {
        ASSERT_EQ(berth({"ca", "init", "--dir", at(name), "--customer", name}).exit, 0);
    }
    ASSERT_EQ(berth({"registrar", "init", "--dir", at("registrar"), "--ca", at("birch"), "--host", "r", "--maker-root",
                     at("factory/z1.pem"), "--masa", "127.0.0.1:1", "--listen", "127.0.0.1:0"})
                  .exit,
              0);
    const auto with = [&](const std::string& dir, const std::string& from, const std::string& to) {
        std::string toml = got(app::read_text(at(dir) + "/berthd.toml"));
        const size_t place = toml.find(from);
        EXPECT_NE(place, std::string::npos) << toml;
        EXPECT_TRUE(app::write_text(at(dir) + "/wrong.toml", toml.replace(place, from.size(), to)));
        return run_program("berthd", {"--json", "--config", at(dir) + "/wrong.toml"}, 20'000);
    };
    auto r = with("registrar", "\"z2.pem\"", "\"" + at("cedar/z2.pem") + "\"");
    EXPECT_EQ(r.exit, 2) << r.all();
    EXPECT_EQ(r.error_name(), "unknown_issuer");
    EXPECT_THAT(r.all(), testing::HasSubstr("z4.pem"));
    r = with("masa", "\"z1.pem\"", "\"idevid-ca.pem\"");  // a CA, and no root
    EXPECT_EQ(r.exit, 2) << r.all();
    EXPECT_EQ(r.error_name(), "bad_profile");
    EXPECT_THAT(r.all(), testing::HasSubstr("idevid-ca.pem"));
}

class Quickstart : public Operators {
protected:
    // Runs it until it has said where everything is, then ends it as Ctrl-C does.
    wire::json::object run(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--json", "quickstart", "--dir", at("q")});
        auto child = app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth", arguments);
        EXPECT_TRUE(child);
        wire::json::object out;
        while (out.empty() && !child->ended()) {
            app::poll_children({&*child}, 50);
            for (const auto& line : child->take_output_lines()) {
                out = got(wire::parse_json_object(line));
            }
        }
        during(out);
        child->terminate();
        while (!child->ended()) {
            app::poll_children({&*child}, 50);
        }
        EXPECT_EQ(child->exit_code(), 0);
        return out;
    }
    std::function<void(const wire::json::object&)> during = [](const auto&) {};
};

TEST_F(Quickstart, RunsTheRolesThatAreAskedFor) {
    const auto out = run({"--roles", "masa"});
    ASSERT_TRUE(out.contains("endpoints"));
    EXPECT_TRUE(out.at("endpoints").as_object().contains("masa_kk1"));
    EXPECT_FALSE(out.at("endpoints").as_object().contains("registrar_kk2"));
    EXPECT_EQ(out.at("roles").as_array().size(), 1u);
    size_t configurations = 0;
    for (const auto& file : fs::recursive_directory_iterator(at("q"))) {
        configurations += file.path().filename() == "berthd.toml" ? 1 : 0;
    }
    EXPECT_EQ(configurations, 1u) << "no registrar is set up that was not asked for";
}

TEST_F(Quickstart, RefusesRolesThatCannotWorkAlone) {
    for (const char* roles : {"registrar", "masa,registrar", "ca", "masa,ca", "masa,est", ","}) {
        const auto r = berth({"--json", "quickstart", "--dir", at("q"), "--roles", roles});
        EXPECT_EQ(r.error_name(), std::string(roles) == "," ? "unknown_role" : "role_incomplete") << roles;
        EXPECT_EQ(r.exit, 2) << roles;
    }
    EXPECT_FALSE(fs::exists(at("q")));
}

TEST_F(Quickstart, PostQuantumMeansNoClassicalKeyAnywhere) {
    during = [&](const auto& out) {
        const std::string device(out.at("files").as_object().at("device").as_string());
        EXPECT_EQ(berth({"device", "onboard", "--bundle", device}).exit, 0);
    };
    const auto out = run({"--pq"});
    EXPECT_EQ(out.at("roles").as_array().size(), 4u);
    size_t certificates = 0;
    for (const auto& file : fs::recursive_directory_iterator(at("q"))) {
        if (file.path().extension() != ".pem" || file.path().filename().string().starts_with("p3") ||
            file.path().filename() == "masa-kem.pem") {
            continue;
        }
        for (const auto& c : got(app::read_chain(file.path()))) {
            ++certificates;
            if (!c.is_kem()) {
                EXPECT_TRUE(crypto::is_post_quantum(got(c.verification_key()).algorithm())) << file.path();
            }
        }
    }
    EXPECT_GE(certificates, 12u);
    EXPECT_TRUE(fs::exists(at("q") + "/devices/SN-0001/installed/device-kem.pem"));
}

}  // namespace
}  // namespace berth::test
