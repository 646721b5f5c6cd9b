// A device that waits for its customer's operator, who sees that it does.
#include "support/reloading_world.h"

namespace berth::test {
namespace {

class Approval : public reloading_world {
protected:
    static void SetUpTestSuite() {
        begin({"Birch"}, [](app::world::options& o) { o.admin = true; });
        auto toml = got(app::read_text(world->config("Birch")));
        const std::string off = "manual_approval = false";
        ASSERT_NE(toml.find(off), std::string::npos);
        ASSERT_TRUE(app::write_text(world->config("Birch"), toml.replace(toml.find(off), off.size(), "manual_approval = true")));
        ASSERT_TRUE(reload("Birch"));
    }
    static std::string gauge() {
        const auto text = http_get(world->admin_port("Birch"), "/metrics").body;
        const std::string name = "\nberth_devices_waiting_for_approval ";
        const size_t at = text.find(name);
        return at == std::string::npos ? "none" : text.substr(at + name.size(), text.find('\n', at + 1) - at - name.size());
    }
    static app::child_process agent(const std::filesystem::path& bundle) {
        return got(app::child_process::start(std::filesystem::path(BERTH_BIN_DIR) / "berth-agent",
                                             {"--bundle", bundle.string(), "--json"}));
    }
    static bool says(app::child_process& child, const std::string& text) {
        const milliseconds until = system_clock().steady() + 20'000;
        while (!child.ended() && system_clock().steady() < until) {
            app::poll_children({&child}, 50);
            for (const auto& lines : {child.take_output_lines(), child.take_error_lines()}) {
                if (std::ranges::any_of(lines, [&](const auto& line) { return line.find(text) != std::string::npos; })) {
                    return true;
                }
            }
        }
        return false;
    }
    static program_result stop(app::child_process& child) {
        ::kill(child.pid(), SIGTERM);
        return collect(child, 5'000, [&] { app::poll_children({&child}, 50); });
    }
};

TEST_F(Approval, IsToldOnceByLogMetricAndDevice) {
    const auto bundle = make("A-1", "Birch");
    EXPECT_EQ(gauge(), "0");
    {
        auto waits = agent(bundle);
        ASSERT_TRUE(hear("Birch", "waiting_for_approval", "A-1"));
        EXPECT_EQ(gauge(), "1");
        const auto r = stop(waits);
        EXPECT_EQ(r.exit, 3) << r.all();
        EXPECT_THAT(r.all(), testing::HasSubstr("\"pending\""));
        EXPECT_THAT(r.all(), testing::HasSubstr("\"interrupted\""));
        EXPECT_FALSE(std::filesystem::exists(bundle / "installed"));
    }
    // It comes again, and nothing more is said of it.
    const size_t from = heard.size();
    auto again = agent(bundle);
    ASSERT_TRUE(says(again, "pending")) << "it is there";
    EXPECT_FALSE(hear("Birch", "waiting_for_approval", "", from, 1'000));
    ASSERT_EQ(berth({"registrar", "approve", "A-1", "--dir", world->customer("Birch").registrar.string()}).exit, 0);
    const auto done = collect(again, 60'000, [&] { app::poll_children({&again}, 50); });
    EXPECT_EQ(done.exit, 0) << done.all();
    EXPECT_EQ(gauge(), "0");
}

TEST_F(Approval, AgentThatIsStoppedBeforeItHasARegistrarSaysSo) {
    auto order = world->order_for("A-2", "Birch");
    order.registrars = {"127.0.0.1:1"};
    auto child = agent(make(order, "Birch"));
    run_program("/bin/sleep", {"1"});
    const auto r = stop(child);
    EXPECT_EQ(r.exit, 3) << r.all();
    EXPECT_THAT(r.all(), testing::HasSubstr("\"interrupted\""));
}

}  // namespace
}  // namespace berth::test
