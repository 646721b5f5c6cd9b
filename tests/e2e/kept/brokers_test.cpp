// The brokers that berthd keeps: what goes through them, and what becomes of them.
#include "kept_world.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

// The broker of this berthd.
pid_t broker_of(pid_t berthd) {
    std::ifstream in(fmt::format("/proc/{0}/task/{0}/children", berthd));
    pid_t out = -1;
    in >> out;
    return out;
}

TEST_F(Kept, DevicesComeInAndAreCut) {
    begin();
    listen_to_all();
    EXPECT_EQ(publish("dev-1", "devices/dev-1/messages/events/a=1", {"-m", "hello"}).exit, 0);
    EXPECT_EQ(publish("dev-1/mod-1", "devices/dev-1/modules/mod-1/messages/events/", {"-m", "from a module"}).exit, 0);
    EXPECT_TRUE(eventually([this] { return text("heard").find("a=1 hello") != std::string::npos; })) << text("heard");
    EXPECT_TRUE(eventually([this] { return text("heard").find("from a module") != std::string::npos; })) << text("heard");
    stay("dev-2");
    ASSERT_TRUE(eventually([this] { return text("dev-2.log").find("SUBACK") != std::string::npos; })) << text("dev-2.log");
    EXPECT_EQ(hub({"device", "disable", "dev-2"}).exit, 0);
    EXPECT_TRUE(eventually([this] { return said.find("\"session_cut\"") != std::string::npos; })) << said;
    EXPECT_NE(publish("dev-2", "devices/dev-2/messages/events/", {"-m", "x"}).exit, 0);
}

TEST_F(Kept, NothingIsKeptInTopics) {
    begin();
    listen_to_all();
    for (const char* version : {"mqttv311", "mqttv5"}) {
        EXPECT_EQ(publish("dev-1", "devices/dev-1/messages/events/a=1", {"-m", version, "-r", "-V", version}).exit, 0) << said;
        EXPECT_TRUE(eventually([&] {
            return text("heard").find(fmt::format("events/a=1 {} mqtt-retain:true\n", version)) != std::string::npos;
        })) << text("heard");
    }
    const auto later = run_program("/usr/bin/mosquitto_sub",
                                   {"--unix", world->local_socket().string(), "-i", "late", "-t", "devices/#", "-W", "1"}, 10'000,
                                   our_libraries());
    EXPECT_THAT(later.all(), testing::Not(HasSubstr("mqttv")));
}

TEST_F(Kept, MessagesHaveAMostSize) {
    begin();
    listen_to_all();
    const auto file = [this](const std::string& name, size_t octets) {
        EXPECT_TRUE(app::write_text(at(name), std::string(octets, 'x')));
        return at(name);
    };
    EXPECT_EQ(publish("dev-1", "devices/dev-1/messages/events/", {"-f", file("most", size_t{256} * 1024)}).exit, 0);
    EXPECT_TRUE(eventually([this] { return text("heard").size() > size_t{256} * 1024; }));
    // It is not acknowledged: nothing of it has come anywhere.
    EXPECT_NE(publish("dev-1", "devices/dev-1/messages/events/", {"-f", file("more", size_t{258} * 1024)}).exit, 0);
    EXPECT_NE(publish("dev-1", "devices/dev-1/messages/events/", {"-m", "x", "-q", "2"}).exit, 0) << "QoS 2";
    EXPECT_EQ(publish("dev-1", "devices/dev-1/messages/events/", {"-m", "x"}).exit, 0);
}

TEST_F(Kept, ABrokerThatEndsIsStartedAgain) {
    begin();
    const pid_t first = broker_of(world->server().pid());
    ASSERT_GT(first, 0);
    ::kill(first, SIGKILL);
    ASSERT_TRUE(eventually([this] { return said.find("\"broker_ended\"") != std::string::npos; })) << said;
    EXPECT_TRUE(eventually([this] { return publish("dev-1", "devices/dev-1/messages/events/", {"-m", "x"}).exit == 0; })) << said;
    EXPECT_NE(broker_of(world->server().pid()), first);
}

TEST_F(Kept, GoesWithBerthdAndComesWithIt) {
    begin();
    const pid_t first = broker_of(world->server().pid());
    ::kill(world->server().pid(), SIGKILL);
    ASSERT_TRUE(eventually([first] { return ::kill(first, 0) != 0; })) << "nothing is left behind, even so";
    const auto again = world->restart();
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(publish("dev-1", "devices/dev-1/messages/events/", {"-m", "x"}).exit, 0);
}

TEST_F(Kept, ACertificateIsChangedUnderWhoIsConnected) {
    begin();
    stay("dev-1");
    ASSERT_TRUE(eventually([this] { return text("dev-1.log").find("SUBACK") != std::string::npos; })) << text("dev-1.log");
    const auto shown = [this] {
        const auto r = run_program(
            "/bin/sh", {"-c", fmt::format("{} s_client -connect localhost:{} -cert {} -key {} </dev/null "
                                          "2>/dev/null | {} x509 -noout -serial",
                                          BERTH_OPENSSL_COMMAND, world->at("mqtt").port, holder("dev-2").chain.string(),
                                          holder("dev-2").key.string(), BERTH_OPENSSL_COMMAND)});
        return r.output.empty() ? r.all() : r.output.front();
    };
    const std::string before = shown();
    EXPECT_THAT(before, HasSubstr("serial="));
    const std::string dir = world->directory().string();
    const auto made = run_program(
        "/bin/sh",
        {"-c", fmt::format("cd {1} && printf 'subjectAltName=DNS:localhost\\nextendedKeyUsage=serverAuth\\n' > ext && {0} req "
                           "-new -key server.key -subj /CN=localhost -out new.csr && {0} x509 -req -in new.csr -CA "
                           "server-root.pem -CAkey server-root.key -days 3 -extfile ext -out server.pem",
                           BERTH_OPENSSL_COMMAND, dir)});
    ASSERT_EQ(made.exit, 0) << made.all();
    ::kill(world->server().pid(), SIGHUP);
    EXPECT_TRUE(eventually([&] { return shown() != before; })) << said;
    EXPECT_EQ(text("dev-1.log").find("CONNECT", text("dev-1.log").find("SUBACK")), std::string::npos) << "nobody was dropped";
    // Nothing of what needs a restart is taken.
    auto toml = got(app::read_text(world->config()));
    toml.replace(toml.find("pq_only = false"), 15, "pq_only = true ");
    ASSERT_TRUE(app::write_text(world->config(), toml));
    ::kill(world->server().pid(), SIGHUP);
    EXPECT_TRUE(eventually([this] { return said.find("restart_needed") != std::string::npos; })) << said;
}

TEST_F(Kept, MistakesAreToldBeforeAnythingStarts) {
    begin();
    const auto refused = [this](const std::string& what, const std::string& with) {
        auto toml = got(app::read_text(world->config()));
        const size_t found = toml.find(what, toml.find("[hub.mqtt]"));
        EXPECT_NE(found, std::string::npos);
        toml.replace(found, what.size(), with);
        EXPECT_TRUE(app::write_text(world->directory() / "wrong.toml", toml));
        const auto r =
            run_program(fs::path(BERTH_BIN_DIR) / "berthd", {"--json", "check", (world->directory() / "wrong.toml").string()});
        EXPECT_NE(r.exit, 0) << what;
        return r.all();
    };
    EXPECT_THAT(refused("key = \"server.key\"", "key = \"tpm2:0x81020000\""), HasSubstr("must be a file"));
    EXPECT_THAT(refused("key = \"server.key\"", "key = \"admin.key\""), HasSubstr("credential_key_mismatch"));
    EXPECT_THAT(refused("chain = \"server.pem\"", "chain = \"nothing.pem\""), HasSubstr("file_not_found"));
    EXPECT_THAT(refused("chain = \"server.pem\"\nkey = \"server.key\"", "chain = \"admin.pem\"\nkey = \"admin.key\""),
                HasSubstr("bad_profile"));
    EXPECT_THAT(refused("pq_only = false", "mosquitto = \"/nowhere/mosquitto\""), HasSubstr("broker_missing"));
    EXPECT_THAT(refused("pq_only = false", "pq = false"), HasSubstr("pq"));
}

}  // namespace
}  // namespace berth::test
