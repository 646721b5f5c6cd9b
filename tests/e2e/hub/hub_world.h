// A hub's directory, a maker's CAs, and the commands over both.
#pragma once

#include "common/files.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"

#include <gmock/gmock.h>

namespace berth::test {

namespace fs = std::filesystem;

class HubWorld : public testing::Test {
protected:
    HubWorld() { must({"hub", "init", "--dir", at("hub")}); }
    [[nodiscard]] std::string at(const std::string& name) const { return (directory.path() / name).string(); }
    [[nodiscard]] std::string text(const std::string& name) const { return got(app::read_text(at(name))); }
    void put(const std::string& name, const std::string& text) const { ASSERT_TRUE(app::write_text(at(name), text)); }

    // berth hub ... --hub HUB --json
    [[nodiscard]] program_result hub(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"--json", "hub"});
        arguments.insert(arguments.end(), {"--hub", at("hub")});
        return berth(arguments);
    }
    wire::json::object done(const std::vector<std::string>& arguments) const {
        const auto r = hub(arguments);
        EXPECT_EQ(r.exit, 0) << r.all();
        return r.exit == 0 && !r.output.empty() ? r.json() : wire::json::object{};
    }
    [[nodiscard]] std::string refused(const std::vector<std::string>& arguments, int exit = 2) const {
        const auto r = hub(arguments);
        EXPECT_EQ(r.exit, exit) << r.all();
        return r.error_name();
    }
    static void must(const std::vector<std::string>& arguments) {
        const auto r = berth(arguments);
        ASSERT_EQ(r.exit, 0) << r.all();
    }
    // In the test's directory, by the plain openssl command, as a customer has it.
    void openssl(const std::string& words) const {
        const auto r =
            run_program("/bin/sh", {"-c", "cd " + directory.path().string() + " && " BERTH_OPENSSL_COMMAND " " + words});
        ASSERT_EQ(r.exit, 0) << words << "\n" << r.all();
    }
    // NAME.pem and NAME.key.
    void make_ca(const std::string& name, const std::string& key = "rsa:2048") const {
        openssl("req -x509 -nodes -days 30 -subj /CN=" + name + " -keyout " + name + ".key -out " + name + ".pem -newkey " + key);
    }

    temporary_directory directory;
};

}  // namespace berth::test
