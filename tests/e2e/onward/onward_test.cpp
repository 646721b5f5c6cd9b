// berth-agent goes on by itself: onboarded, placed, connected, its twin reported. Nobody has told the hub of the device: the
// customer's own CA vouches for it.
#include "registry/hub/identity.h"
#include "scene/hub_world.h"
#include "support/small_world.h"
#include "support/spawn.h"

#include <csignal>

namespace berth::test {
namespace {

namespace fs = std::filesystem;
namespace json = wire::json;
using testing::HasSubstr;

class Onward : public small_world {
protected:
    static void SetUpTestSuite() {
        begin({"Birch"});
        app::hub_world_options o;
        o.directory = directory->path() / "cloud";
        o.post_quantum = true;
        o.log_level = "info";
        o.programs = BERTH_BIN_DIR;
        auto made = app::hub_world::make(std::move(o), system_clock(), crypto::system_random());
        ASSERT_TRUE(made) << made.error().message;
        cloud.emplace(std::move(*made));
        // The customer's CA has its key beside it: the proof is one step.
        const auto& customer = world->customer("Birch");
        EXPECT_EQ(hub({"ca", "register", (customer.ca / "z2.pem").string(), "--key", (customer.ca / "z2.key").string(), "--name",
                       "birch"})
                      .exit,
                  0);
        EXPECT_EQ(hub({"enrolment-group", "add", "birch", "--ca", "birch", "--group", "meters"}).exit, 0);
        configure(entry());
    }
    static void TearDownTestSuite() {
        cloud.reset();
        small_world::TearDownTestSuite();
    }
    void TearDown() override {
        if (agent_ > 0) {
            ::kill(agent_, SIGKILL);
            (void)exit_of(agent_);
        }
    }
    static program_result hub(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--json", "hub"});
        arguments.insert(arguments.end(), {"--hub", cloud->hub().string()});
        return berth(arguments);
    }
    static json::object entry() {
        return {{"endpoint", fmt::format("https://localhost:{}", cloud->at("https").port)},
                {"idScope", app::hub_world::id_scope},
                {"anchors", got(app::read_text(cloud->server_root()))}};
    }
    static void configure(const json::value& provisioning) {
        const auto file = directory->path() / "configuration.json";
        ASSERT_TRUE(app::write_text(file, wire::to_text(json::object{{"provisioning", provisioning}, {"site", "north"}})));
        const auto set = berth(
            {"registrar", "config", "set", "--dir", world->customer("Birch").registrar.string(), "--default", file.string()});
        ASSERT_EQ(set.exit, 0) << set.all();
    }
    static program_result agent(const fs::path& bundle, std::vector<std::string> more = {"--once"}) {
        more.insert(more.begin(), {"--bundle", bundle.string(), "--json"});
        return run_program("berth-agent", more, 60'000);
    }
    void stays(const fs::path& bundle, const std::vector<std::string>& more = {}) {
        std::vector<std::string> words{(fs::path(BERTH_BIN_DIR) / "berth-agent").string(), "--bundle", bundle.string(), "--json",
                                       "--stay"};
        words.insert(words.end(), more.begin(), more.end());
        agent_ = spawn(words, log_file());
    }
    static std::string log_file() {
        return (directory->path() / testing::UnitTest::GetInstance()->current_test_info()->name()).string();
    }
    static std::string log() { return fs::exists(log_file()) ? got(app::read_text(log_file())) : ""; }
    static size_t times(std::string_view what) {
        size_t out = 0;
        const std::string all = log();
        for (size_t at = all.find(what); at != std::string::npos; at = all.find(what, at + 1)) {
            ++out;
        }
        return out;
    }
    static json::object twin(const std::string& name) { return hub({"twin", "show", name}).json(); }

    static std::optional<app::hub_world> cloud;
    pid_t agent_ = -1;
};
std::optional<app::hub_world> Onward::cloud;

TEST_F(Onward, FromTheBoxToItsTwin) {
    const auto bundle = make("O-1", "Birch");
    const auto r = agent(bundle);
    ASSERT_EQ(r.exit, 0) << r.all();
    for (const char* const step : {"\"onboarded\"", "\"placed\"", "\"hub_connected\"", "\"twin_reported\""}) {
        EXPECT_THAT(r.all(), HasSubstr(step));
    }
    const auto t = twin("O-1");
    const auto& said = t.at("properties").at("reported").at("berth");
    EXPECT_EQ(said.at("serial").as_string(), "O-1");
    EXPECT_EQ(said.at("customer").as_string(), "Birch");
    EXPECT_EQ(got(app::read_text(bundle / "hub" / "desired.json")), "{\"$version\":1}\n");
    const auto known = hub({"device", "show", "O-1"}).json();
    EXPECT_EQ(known.at("berth").at("group").as_string(), "meters");
    EXPECT_TRUE(eventually(
        [] { return hub({"device", "show", "O-1"}).json().at("lastActivityTime").as_string() != "0001-01-01T00:00:00Z"; }));
    // Again: it knows its hub, and what it has said.
    const auto again = agent(bundle);
    EXPECT_EQ(again.exit, 0) << again.all();
    EXPECT_THAT(again.all(), testing::Not(HasSubstr("\"placed\"")));
    EXPECT_EQ(twin("O-1").at("properties").at("reported").at("$version"), t.at("properties").at("reported").at("$version"));
}

TEST_F(Onward, WhoStaysHearsWhatIsWantedAndComesAgain) {
    const auto bundle = make("O-2", "Birch");
    stays(bundle);
    ASSERT_TRUE(eventually([] { return times("\"twin_reported\"") == 1; })) << log();
    EXPECT_EQ(hub({"twin", "set", "O-2", "--desired", R"({"rate":5})"}).exit, 0);
    EXPECT_TRUE(eventually([&] {
        return got(app::read_text(bundle / "hub" / "desired.json")) == "{\"rate\":5,\"$version\":2}\n";
    })) << log();
    // Cut off, refused, and let in again: what was wanted meanwhile is heard.
    EXPECT_EQ(hub({"device", "disable", "O-2"}).exit, 0);
    ASSERT_TRUE(eventually([] { return times("\"not_at_hub\"") >= 2; })) << log();
    EXPECT_EQ(hub({"twin", "set", "O-2", "--desired", R"({"rate":null,"mode":"slow"})"}).exit, 0);
    EXPECT_EQ(hub({"device", "enable", "O-2"}).exit, 0);
    EXPECT_TRUE(eventually([&] {
        return got(app::read_text(bundle / "hub" / "desired.json")) == "{\"mode\":\"slow\",\"$version\":3}\n";
    })) << log();
    ::kill(agent_, SIGTERM);
    EXPECT_EQ(exit_of(std::exchange(agent_, -1)), 0) << log();
}

TEST_F(Onward, WhatIsWantedMeanwhileIsNotMissed) {
    const auto bundle = make("O-9", "Birch");
    stays(bundle);
    ASSERT_TRUE(eventually([] { return times("\"twin_reported\"") == 1; })) << log();
    for (int i = 1; i <= 20; ++i) {
        EXPECT_EQ(hub({"twin", "set", "O-9", "--desired", fmt::format(R"({{"rate":{}}})", i)}).exit, 0);
    }
    EXPECT_TRUE(eventually([&] {
        return got(app::read_text(bundle / "hub" / "desired.json")) == "{\"rate\":20,\"$version\":21}\n";
    })) << got(app::read_text(bundle / "hub" / "desired.json"))
        << log();
}

TEST_F(Onward, AHubThatIsNoMoreIsAskedForAnew) {
    const auto bundle = make("O-10", "Birch");
    ASSERT_EQ(agent(bundle).exit, 0);
    auto place = got(wire::parse_json_object(got(app::read_text(bundle / "hub" / "place.json"))));
    place["hub"] = "localhost:1";
    ASSERT_TRUE(app::write_text(bundle / "hub" / "place.json", wire::to_text(place)));
    stays(bundle);
    EXPECT_TRUE(eventually([] { return times("\"placed\"") == 1 && times("\"twin_reported\"") == 1; })) << log();
    EXPECT_EQ(times("\"not_at_hub\""), 3U) << log();
}

TEST_F(Onward, AHubThatGoesAndComesIsFoundAgain) {
    const auto bundle = make("O-3", "Birch");
    stays(bundle);
    ASSERT_TRUE(eventually([] { return times("\"twin_reported\"") == 1; })) << log();
    ASSERT_TRUE(cloud->restart());
    EXPECT_TRUE(eventually([] { return times("\"twin_reported\"") == 2; })) << log();
}

TEST_F(Onward, WhatIsWrongIsTold) {
    const auto bundle = make("O-4", "Birch");
    auto other = entry();
    other["idScope"] = "0ne99999999";
    configure(other);
    const auto refused = agent(bundle);
    EXPECT_EQ(refused.exit, 1) << refused.all();
    EXPECT_THAT(refused.all(), HasSubstr("provisioning_refused"));
    EXPECT_THAT(refused.all(), HasSubstr("\"onboarded\"")) << "it is onboarded all the same";

    // A mistake is told where it is made, and by a device that has it nevertheless.
    const json::object wrong{{"provisioning", {{"endpoint", "http://localhost"}, {"idScope", "x"}}}};
    const auto file = directory->path() / "wrong.json";
    ASSERT_TRUE(app::write_text(file, wire::to_text(wrong)));
    const std::string registrar = world->customer("Birch").registrar.string();
    const auto set = berth({"--json", "registrar", "config", "set", "--dir", registrar, "--default", file.string()});
    EXPECT_EQ(set.error_name(), "bad_configuration") << set.all();
    ASSERT_TRUE(app::write_text(file, R"({"provisioning":{"endpoint":"https://localhost","idScope":"x","idscope":"y"}})"));
    EXPECT_EQ(berth({"--json", "registrar", "config", "set", "--dir", registrar, "--default", file.string()}).error_name(),
              "bad_configuration");
    ASSERT_TRUE(app::write_text(bundle / "installed" / "config.json", wire::to_text(wrong)));
    const auto plain = agent(bundle);
    EXPECT_EQ(plain.exit, 1) << plain.all();
    EXPECT_THAT(plain.all(), HasSubstr("provisioning.endpoint is https://HOST"));

    auto kem = entry();
    kem["credential"] = "device-kem";
    configure(kem);
    const auto no_signature = agent(make("O-6", "Birch"));
    EXPECT_EQ(no_signature.exit, 3) << no_signature.all();
    EXPECT_THAT(no_signature.all(), HasSubstr("bad_credential"));

    auto distrusted = entry();
    distrusted.erase("anchors");  // the customer's root does not vouch for this hub
    configure(distrusted);
    const auto foreign = agent(make("O-7", "Birch"));
    EXPECT_NE(foreign.exit, 0) << foreign.all();
    EXPECT_THAT(foreign.all(), HasSubstr("\"not_at_hub\""));

    configure(nullptr);
    const auto none = agent(make("O-8", "Birch"));
    EXPECT_EQ(none.exit, 0) << none.all();
    EXPECT_THAT(none.all(), testing::Not(HasSubstr("hub")));
    configure(entry());
    // What it was given at first, it goes by until it has fetched another: who stays does.
    stays(bundle, {"--refresh", "1"});
    EXPECT_TRUE(eventually([] { return times("\"twin_reported\"") == 1; })) << log();
}

}  // namespace
}  // namespace berth::test
