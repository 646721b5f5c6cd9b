// What an operator sees: one id through all logs, metrics that count right, health that tells the truth.
#include "support/small_world.h"

#include <set>

namespace berth::test {
namespace {

class Telemetry : public small_world {
protected:
    static void SetUpTestSuite() {
        begin({"Birch"}, [](app::world::options& how) { how.admin = true; });
    }
    static std::string metrics(const std::string& process) { return http_get(world->admin_port(process), "/metrics").body; }
    static double value(const std::string& text, const std::string& series) {
        const size_t at = text.find("\n" + series + " ");
        return at == std::string::npos ? 0 : std::atof(text.c_str() + at + series.size() + 2);
    }
};

TEST_F(Telemetry, OneIdThroughTheLogsOfAllThreeParties) {
    for (const bool direct : {false, true}) {
        auto order = world->order_for(direct ? "T-2" : "T-1", "Birch");
        order.direct = direct;
        const std::string serial = order.serial;
        const auto bundle = got(world->make_device(std::move(order), "Birch"));
        const auto r = run_program("berth-agent", {"--bundle", bundle.string(), "--once", "--json"});
        ASSERT_EQ(r.exit, 0) << r.all();
        std::map<std::string, std::set<std::string>> ids;
        std::map<std::string, std::set<std::string>> steps;
        const auto note = [&](const wire::json::object& line) {
            const auto party = wire::text_member(line, "party");
            const auto whose = wire::text_member(line, "serial");
            const auto id = wire::text_member(line, "id");
            if (party && whose && *whose == serial && id && !id->empty()) {
                ids[*party].insert(*id);
                if (const auto step = wire::text_member(line, "step")) {
                    steps[*party].insert(*step);
                }
            }
        };
        for (const auto& line : r.errors) {
            if (const auto object = wire::parse_json_object(line)) {
                note(*object);
            }
        }
        ASSERT_TRUE(hear("masa", "onboarded", serial));
        ASSERT_TRUE(hear("Birch", "onboarded", serial));
        for (const auto& e : heard) {
            note(e.line);
        }
        ASSERT_EQ(ids.size(), 3u) << "device, registrar, masa";
        for (const auto& [party, its] : ids) {
            EXPECT_EQ(its, ids["device"]) << party;
            EXPECT_EQ(its.size(), 1u) << party;
        }
        // The steps in whose lines it stands: from KK3 on.
        EXPECT_THAT(steps["device"], testing::IsSupersetOf({"S4", "S5", "S6", "S14"}));
        EXPECT_THAT(steps["registrar"], testing::IsSupersetOf({"S7", "S11", "S12", "S13"}));
        EXPECT_THAT(steps["masa"], testing::IsSupersetOf({"S8", "S9"}));
        // The audit log knows it by the same id.
        const auto audit = berth({"--json", "masa", "log", "show", "--serial", serial, "--masa", world->masa().string()});
        EXPECT_THAT(audit.all(), testing::HasSubstr(*ids["device"].begin()));
    }
}

TEST_F(Telemetry, CountsAfterOnboardingsAreRight) {
    const auto before_masa = metrics("masa");
    const auto before_registrar = metrics("Birch");
    for (const char* serial : {"T-3", "T-4"}) {
        ASSERT_EQ(onboard(make(serial, "Birch")).exit, 0);
    }
    ASSERT_EQ(onboard(got(world->make_device(world->order_for("T-5", "Birch"), ""))).exit, 1);
    for (const auto& [process, before, party] :
         {std::tuple("masa", before_masa, "masa"), std::tuple("Birch", before_registrar, "registrar")}) {
        const auto grown = [&](const std::string& series) { return value(metrics(process), series) - value(before, series); };
        const std::string done = fmt::format("berth_onboardings_total{{outcome=\"ok\",party=\"{}\"}}", party);
        const std::string refused = fmt::format("berth_onboardings_total{{outcome=\"not_assigned\",party=\"{}\"}}", party);
        EXPECT_TRUE(eventually([&] { return grown(done) == 2 && grown(refused) == 1; })) << metrics(process);
        EXPECT_EQ(value(metrics(process), fmt::format("berth_sessions_open{{party=\"{}\"}}", party)), 0);
    }
    EXPECT_EQ(value(metrics("masa"), "berth_onboarding_steps_total{party=\"masa\",step=\"S9\"}") -
                  value(before_masa, "berth_onboarding_steps_total{party=\"masa\",step=\"S9\"}"),
              2);
    EXPECT_EQ(value(metrics("masa"), "berth_kk1_open{party=\"masa\"}"), 1);
    EXPECT_EQ(value(metrics("Birch"), "berth_kk1_open{party=\"registrar\"}"), 1);
    const auto own = world->customer("Birch").registrar / "ca.crl";
    EXPECT_EQ(value(metrics("Birch"), fmt::format("berth_crl_next_update_timestamp_seconds{{file=\"{}\"}}", own.string())),
              got(app::read_crls({own})).front().next_update())
        << "the CA's own list";
}

TEST_F(Telemetry, HealthFollowsTheOtherSide) {
    EXPECT_EQ(http_get(world->admin_port("masa"), "/healthz").status, 200);
    EXPECT_EQ(http_get(world->admin_port("Birch"), "/healthz").status, 200);
    ASSERT_TRUE(eventually([] { return http_get(world->admin_port("Birch"), "/readyz").status == 200; }));
    world->signal("masa", SIGSTOP);  // there, and silent: nothing has failed yet
    EXPECT_EQ(http_get(world->admin_port("Birch"), "/healthz").status, 200);
    world->signal("masa", SIGCONT);
    world->signal("masa", SIGKILL);
    EXPECT_TRUE(eventually([] { return http_get(world->admin_port("Birch"), "/readyz").status == 503; }));
    EXPECT_THAT(http_get(world->admin_port("Birch"), "/readyz").body, testing::HasSubstr("masa_unreachable"));
    EXPECT_EQ(http_get(world->admin_port("Birch"), "/healthz").status, 200) << "alive all the same";
    ASSERT_TRUE(world->restart("masa"));
    EXPECT_TRUE(eventually([] { return http_get(world->admin_port("Birch"), "/readyz").status == 200; }));
}

}  // namespace
}  // namespace berth::test
