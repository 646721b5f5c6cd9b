// berth hub quickstart: each command that it prints does what it says.
#include "kept_world.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

class HubQuickstart : public Kept {
protected:
    wire::json::object start(const std::vector<std::string>& more = {}) {
        std::vector<std::string> words{"--json", "hub", "quickstart", "--dir", at("quick")};
        words.insert(words.end(), more.begin(), more.end());
        child.emplace(*app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth", words));
        std::string errors;
        const milliseconds until = system_clock().steady() + 60'000;
        while (!child->ended() && system_clock().steady() < until) {
            app::poll_children({&*child}, 100);
            for (const auto& line : child->take_output_lines()) {
                const auto found = wire::parse_json_object(line);
                return found ? *found : wire::json::object{};
            }
            for (const auto& line : child->take_error_lines()) {
                errors += line + "\n";
            }
        }
        ADD_FAILURE() << "it said nothing: " << errors;
        return {};
    }
    static program_result shell(const wire::json::object& from, const std::string& command) {
        const std::string words(from.at("commands").at(command).as_string());
        return run_program("/bin/sh", {"-c", words}, 30'000);
    }
    void everything_works(const wire::json::object& q) {
        EXPECT_EQ(q.at("identities").as_array().size(), 4U);
        EXPECT_EQ(std::string(q.at("endpoints").at("websockets").as_string()),
                  "wss://" + std::string(q.at("endpoints").at("https").as_string()) + "/$iothub/websocket");
        const auto listener = spawn(
            {"/usr/bin/stdbuf", "-o0", "/bin/sh", "-c", "exec " + std::string(q.at("commands").at("listen").as_string()) + " -d"},
            at("heard"));
        EXPECT_TRUE(eventually([this] { return text("heard").find("SUBACK") != std::string::npos; })) << text("heard");
        const auto sent = shell(q, "send");
        EXPECT_EQ(sent.exit, 0) << sent.all();
        EXPECT_TRUE(eventually([this] {
            return text("heard").find("devices/dev-1/messages/events/ hello") != std::string::npos;
        })) << text("heard");
        ::kill(listener, SIGTERM);
        (void)exit_of(listener);
        const auto listed = shell(q, "list");
        EXPECT_THAT(listed.all(), HasSubstr("dev-2"));
        EXPECT_EQ(shell(q, "authorities").exit, 0);
        EXPECT_EQ(shell(q, "disable").exit, 0);
        EXPECT_TRUE(eventually([&] { return shell(q, "send").exit != 0; }));
        EXPECT_EQ(shell(q, "enable").exit, 0);
        EXPECT_TRUE(eventually([&] { return shell(q, "send").exit == 0; }));
    }
    std::optional<app::child_process> child;
};

TEST_F(HubQuickstart, Classical) {
    const auto q = start();
    ASSERT_FALSE(q.empty());
    everything_works(q);
    const auto registry = shell(q, "registry");
    EXPECT_THAT(registry.all(), HasSubstr("\"deviceId\":\"dev-1\""));
    child->terminate();
    EXPECT_TRUE(eventually([this] { return child->exit_code().has_value(); }));
    EXPECT_EQ(child->exit_code(), 0);
}

TEST_F(HubQuickstart, PostQuantum) {
    const auto q = start({"--pq"});
    ASSERT_FALSE(q.empty());
    everything_works(q);
    EXPECT_EQ(berth({"--json", "hub", "quickstart", "--dir", at("quick")}).error_name(), "file_exists");
}

}  // namespace
}  // namespace berth::test
