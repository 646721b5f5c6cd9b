// S12 by another berthd's EST server, at which the registrar is a registration authority.
#include "issuing_world.h"

namespace berth::test {
namespace {

constexpr const char* profiles = R"(
[[profile]]
name = "onboarded"
authority = "ca"
requires = ["ra"]
subject = "O=Birch,serialNumber={serial}"
names_maker = true
keys = ["p256"]
lifetime = "30d"
extended_key_usages = ["clientAuth"]
[[profile]]
name = "slow"
authority = "ca"
requires = ["ra"]
subject = "O=Birch,serialNumber={serial}"
names_maker = true
keys = ["p256"]
lifetime = "30d"
extended_key_usages = ["clientAuth"]
approval = true
[[profile]]
name = "secretly"
authority = "ca"
requires = ["ra+secret+address"]
subject = "O=Birch,serialNumber={serial}"
names_maker = true
keys = ["p256"]
lifetime = "30d"
extended_key_usages = ["clientAuth"]
[[profile]]
name = "registrar"
authority = "ca"
requires = ["admin"]
subject = "O=Birch,CN={name}"
keys = ["p256"]
lifetime = "30d"
extended_key_usages = ["clientAuth", "cmcRA"]
[[profile]]
name = "operational"
authority = "ca"
requires = ["admin"]
subject = "O=Birch,CN={name}"
keys = ["p256"]
lifetime = "30d"
extended_key_usages = ["clientAuth"]
[[profile]]
name = "server"
authority = "ca"
requires = ["admin"]
subject = "O=Birch"
may_ask_dns = ["localhost"]
keys = ["p256"]
lifetime = "30d"
extended_key_usages = ["serverAuth"]
)";

class OwnEst : public issuing_world {
protected:
    static void SetUpTestSuite() {
        begin({"Birch"});
        ASSERT_TRUE(app::write_text(ca_directory() / "ca.toml", profiles));
        certified("server", "server", "-addext subjectAltName=DNS:localhost");
        certified("ra", "registrar", "");
        certified("no-ra", "operational", "");
        const auto maker = registrar_file("z1.pem");
        ASSERT_TRUE(app::write_text(at("header"), "0123456789abcdef0123456789abcdef\n", 0600));
        ASSERT_TRUE(app::write_text(at("wrong-header"), "0123456789abcdef0123456789abcdeg\n", 0600));
        ASSERT_TRUE(app::write_text(at("est.toml"), fmt::format(R"(
[est]
listen = "127.0.0.1:0"
chain = "server.pem"
key = "file:server.key"
directory = "{0}"
header = "X-Registrar"
header_file = "header"
addresses = ["127.0.0.0/8"]
[[est.trust]]
proof = "operational"
anchors = ["{0}/ca.pem"]
[[est.label]]
label = "onboarded"
profile = "onboarded"
maker = "{1}"
[[est.label]]
label = "secretly"
profile = "secretly"
maker = "{1}"
[[est.label]]
label = "slow"
profile = "slow"
maker = "{1}"
retry_after = 1
)",
                                                                ca_directory().string(), maker)));
        start_est();
    }
    static void TearDownTestSuite() {
        est.reset();
        small_world::TearDownTestSuite();
    }
    // berthd's word on a configuration in which the first `from` is another text.
    static std::string said_of(const std::string& from, const std::string& to, bool start) {
        std::string text = got(app::read_text(at("est.toml")));
        text.replace(text.find(from), from.size(), to);
        EXPECT_TRUE(app::write_text(at("changed.toml"), text));
        const auto out = start ? run_program("berthd", {"--json", "--config", at("changed.toml")}, 20'000)
                               : run_program("berthd", {"--json", "check", at("changed.toml")});
        return out.error_name() + " " + out.all();
    }
    static void start_est() {
        est = std::make_unique<app::child_process>(
            got(app::child_process::start(std::filesystem::path(BERTH_BIN_DIR) / "berthd", {"--config", at("est.toml")})));
        for (const milliseconds until = system_clock().steady() + 20'000; system_clock().steady() < until && port == 0;) {
            app::poll_children({&*est}, 50);
            for (const auto& line : est->take_output_lines()) {
                const auto object = wire::parse_json_object(line);
                if (object && object->contains("port")) {
                    port = object->at("port").to_number<uint16_t>();
                }
            }
        }
        ASSERT_NE(port, 0);
    }
    static std::string at(const std::string& name) { return (world->directory() / name).string(); }
    // A P-256 key of that name, certified by a profile.
    static void certified(const std::string& name, const std::string& profile, const std::string& more) {
        const auto made =
            run_program("/bin/sh", {"-c", "cd " + world->directory().string() +
                                              " && " BERTH_OPENSSL_COMMAND
                                              " req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj / -keyout " +
                                              name + ".key -out " + name + ".csr " + more + " && chmod 600 " + name + ".key"});
        ASSERT_EQ(made.exit, 0) << made.all();
        const auto issued =
            ca({"issue", "--profile", profile, "--csr", at(name + ".csr"), "--who", name, "--out", at(name + ".pem")});
        ASSERT_EQ(issued.exit, 0) << issued.all();
    }
    static void ask(const std::string& label, const std::string& as = "ra", const std::string& more = "") {
        name_ca(
            fmt::format("est = \"localhost:{}\"\nlabel = \"{}\"\nanchors = [\"z2.pem\"]\nchain = \"{}\"\nkey = \"file:{}\"\n{}",
                        port, label, at(as + ".pem"), at(as + ".key"), more));
        ASSERT_TRUE(reload("Birch")) << all_heard("Birch");
    }
    static app::device_order order(const std::string& serial) {
        auto out = world->order_for(serial, "Birch");
        out.credentials = {{"device", "p256"}};
        return out;
    }

    static inline std::unique_ptr<app::child_process> est;
    static inline uint16_t port = 0;
};

TEST_F(OwnEst, ALabelForRegistrationAuthoritiesNamesTheMakerOfTheDevices) {
    for (const bool start : {false, true}) {
        const auto said = said_of("maker = ", "retry_after = 60 #", start);
        EXPECT_THAT(said, testing::StartsWith("bad_config "));
        EXPECT_THAT(said, testing::HasSubstr("changed.toml:13: ")) << "the line of the label";
        EXPECT_THAT(said, testing::HasSubstr("maker = \\\"z1.pem\\\"")) << "and what to do";
    }
}

TEST_F(OwnEst, TheRegistrarAsksForItsDevices) {
    ask("onboarded");
    const auto bundle = make(order("E-1"), "Birch");
    const auto done = onboard(bundle);
    ASSERT_EQ(done.exit, 0) << done.all() << all_heard("Birch");
    const auto entries = log_of("E-1");
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_THAT(entries[0], testing::HasSubstr("\"proofs\":\"operational+ra\""));
    EXPECT_THAT(entries[0], testing::HasSubstr("asked for by"));
    EXPECT_THAT(entries[0], testing::HasSubstr(installed(bundle, "device").serial_hex()));
}

TEST_F(OwnEst, WhoIsNoRegistrationAuthorityGetsNothingForOthers) {
    ask("onboarded", "no-ra");
    const size_t from = heard.size();
    const auto refused = onboard(make(order("E-2"), "Birch"));
    EXPECT_EQ(refused.error_name(), "ca_refused") << refused.all();
    EXPECT_TRUE(hear("Birch", "ca_refused", "E-2", from));
    EXPECT_TRUE(log_of("E-2").empty());
}

// `header` and `header_file` of [ca].
TEST_F(OwnEst, TheRegistrarShowsASecretHeaderWhereOneIsAskedFor) {
    const auto with = [](const std::string& file) {
        return fmt::format("header = \"X-Registrar\"\nheader_file = \"{}\"\n", at(file));
    };
    ask("secretly");
    const auto without = onboard(make(order("E-7"), "Birch"));
    EXPECT_EQ(without.error_name(), "ca_refused") << without.all();
    ask("secretly", "ra", with("wrong-header"));
    const auto wrong = onboard(make(order("E-8"), "Birch"));
    EXPECT_EQ(wrong.error_name(), "ca_refused") << wrong.all();
    EXPECT_TRUE(log_of("E-7").empty() && log_of("E-8").empty());
    ask("secretly", "ra", with("header"));
    const auto done = onboard(make(order("E-9"), "Birch"));
    ASSERT_EQ(done.exit, 0) << done.all() << all_heard("Birch");
    ASSERT_EQ(log_of("E-9").size(), 1u);
    for (const char* proof : {"ra", "secret", "address"}) {
        EXPECT_THAT(log_of("E-9")[0], testing::ContainsRegex(fmt::format("\"proofs\":\"[a-z+]*{}", proof)));
    }
    EXPECT_THAT(all_heard("Birch"), testing::Not(testing::HasSubstr("0123456789abcdef"))) << "no log has the secret";
}

// `est_label` of a [[registrar.maker]] goes before [ca] `label`.
TEST_F(OwnEst, TheDevicesOfAMakerHaveALabelOfTheirOwn) {
    ask("nowhere");
    const auto lost = onboard(make(order("E-10"), "Birch"));
    EXPECT_EQ(lost.error_name(), "ca_refused") << lost.all();
    const auto before = got(app::read_text(world->config("Birch")));
    auto toml = before;
    const std::string table = "[[registrar.maker]]\n";
    toml.replace(toml.find(table), table.size(), table + "est_label = \"onboarded\"\n");
    ASSERT_TRUE(app::write_text(world->config("Birch"), toml));
    ASSERT_TRUE(reload("Birch")) << all_heard("Birch");
    const auto done = onboard(make(order("E-11"), "Birch"));
    EXPECT_EQ(done.exit, 0) << done.all() << all_heard("Birch");
    EXPECT_EQ(log_of("E-11").size(), 1u);
    ASSERT_TRUE(app::write_text(world->config("Birch"), before));
}

TEST_F(OwnEst, AKeyOfAKemIsRefusedByName) {
    ask("onboarded");
    auto with_kem = order("E-3");
    with_kem.credentials.emplace_back("device-kem", "mlkem768_p256");
    const size_t from = heard.size();
    const auto refused = onboard(make(with_kem, "Birch"));
    EXPECT_EQ(refused.error_name(), "ca_refused") << refused.all();
    EXPECT_TRUE(hear("Birch", "ca_refused", "kem_not_by_est", from));
    EXPECT_TRUE(log_of("E-3").empty()) << "nothing is issued of an order that cannot be filled";
}

// A registrar that is killed while somebody at the CA thinks about it loses nothing, and the CA sees one request.
TEST_F(OwnEst, ADeviceWaitsForTheCasApprovalAndOutlivesTheRegistrarsDeath) {
    ask("slow");
    const auto bundle = make(order("E-4"), "Birch");
    auto device = agent(bundle);
    ASSERT_TRUE(hear("Birch", "ca_lets_wait", "E-4")) << all_heard("Birch");
    ASSERT_TRUE(says(device, "pending"));
    const size_t from = heard.size();
    world->signal("Birch", SIGKILL);
    ASSERT_TRUE(world->restart("Birch"));
    ASSERT_TRUE(hear("Birch", "ca_lets_wait", "E-4", from, 120'000)) << "it has come again, and so has its order";
    const auto waiting = berth({"--json", "est", "waiting", "--dir", ca_directory().string()});
    ASSERT_EQ(waiting.output.size(), 1u) << waiting.all();
    const std::string id(wire::parse_json_object(waiting.output[0])->at("request").as_string());
    const auto approved = berth({"est", "approve", id, "--dir", ca_directory().string(), "--by", "Ines"});
    ASSERT_EQ(approved.exit, 0) << approved.all();
    const auto done = end_of(device);
    EXPECT_EQ(done.exit, 0) << done.all() << all_heard("Birch");
    EXPECT_EQ(log_of("E-4").size(), 1u);
}

TEST_F(OwnEst, WhatIsIssuedToADeviceThatHasGoneIsToldToItsOperator) {
    ask("slow");
    auto device = agent(make(order("E-6"), "Birch"));
    ASSERT_TRUE(hear("Birch", "ca_lets_wait", "E-6")) << all_heard("Birch");
    const auto dir = world->customer("Birch").registrar.string();
    const auto gone = berth({"registrar", "decommission", "E-6", "--dir", dir});
    ASSERT_EQ(gone.exit, 0) << gone.all();
    EXPECT_TRUE(says(device, "approval_denied")) << all_heard("Birch");
    const auto waiting = berth({"--json", "est", "waiting", "--dir", ca_directory().string()});
    ASSERT_EQ(waiting.output.size(), 1u) << waiting.all();
    const std::string id(wire::parse_json_object(waiting.output[0])->at("request").as_string());
    ASSERT_EQ(berth({"est", "approve", id, "--dir", ca_directory().string(), "--by", "Ines"}).exit, 0);
    EXPECT_TRUE(hear("Birch", "revoke_at_the_ca", "decommissioned")) << all_heard("Birch");
}

TEST_F(OwnEst, AServerThatIsAwayIsWaitedFor) {
    ask("onboarded");
    ::kill(est->pid(), SIGTERM);
    while (!est->ended()) {
        app::poll_children({&*est}, 50);
    }
    const auto old = std::exchange(port, uint16_t{0});
    auto toml = got(app::read_text(at("est.toml")));
    const auto bundle = make(order("E-5"), "Birch");
    auto device = agent(bundle);
    ASSERT_TRUE(hear("Birch", "ca_not_reached", "E-5")) << all_heard("Birch");
    toml.replace(toml.find("127.0.0.1:0"), 11, fmt::format("127.0.0.1:{}", old));
    ASSERT_TRUE(app::write_text(at("est.toml"), toml));
    start_est();
    const auto done = end_of(device);
    EXPECT_EQ(done.exit, 0) << done.all() << all_heard("Birch");
}

// The last one here: an issuer that had a list must have one until the registrar is started anew.
// `crls` and `revocation = "crl"` of [ca]: for the server's certificate, which ca.pem has issued.
TEST_F(OwnEst, TheServerOfTheCaNeedsAListWhereOneIsDemanded) {
    for (const char* name : {"z2", "ca"}) {
        const auto made = berth(
            {"--json", "ca", "crl", "--dir", ca_directory().string(), "--name", name, "--out", at(std::string(name) + ".crl")});
        ASSERT_EQ(made.exit, 0) << made.all();
    }
    const auto demand = [](const std::string& file) { return fmt::format("crls = [\"{}\"]\nrevocation = \"crl\"\n", at(file)); };
    ask("onboarded", "ra", demand("z2.crl"));
    auto device = agent(make(order("E-12"), "Birch"));
    ASSERT_TRUE(hear("Birch", "ca_not_reached", "crl_missing")) << all_heard("Birch");
    name_ca(fmt::format("est = \"localhost:{}\"\nlabel = \"onboarded\"\nanchors = [\"z2.pem\", \"{}\"]\ncrls = [\"{}\", "
                        "\"{}\"]\nrevocation = \"crl\"\nchain = \"{}\"\nkey = \"file:{}\"\n",
                        port, (ca_directory() / "ca.pem").string(), at("z2.crl"), at("ca.crl"), at("ra.pem"), at("ra.key")));
    ASSERT_TRUE(reload("Birch")) << all_heard("Birch");
    const auto done = onboard(make(order("E-13"), "Birch"));
    EXPECT_EQ(done.exit, 0) << done.all() << all_heard("Birch");
}

}  // namespace
}  // namespace berth::test
