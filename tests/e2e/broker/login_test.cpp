// Devices and modules log in at Mosquitto with our plugin: by the registry, and by it alone.
#include "broker_world.h"

namespace berth::test {
namespace {

class BrokerLogin : public BrokerWorld {
protected:
    void expect_refused(const std::string& reason, size_t from) {
        EXPECT_TRUE(says("\"reason\":\"" + reason + "\"", from)) << log().substr(from);
    }
    // Milliseconds from the command to the broker's word that the session was cut.
    milliseconds until_cut(const std::vector<std::string>& command, const std::string& reason) {
        const size_t from = log().size();
        (void)done(command);
        const milliseconds began = system_clock().steady();
        EXPECT_TRUE(eventually([&] { return says("\"session_cut\"", from); })) << log();
        const milliseconds took = system_clock().steady() - began;
        expect_refused(reason, from);
        return took;
    }
};

TEST_F(BrokerLogin, DevicesAndModulesWithTheirCertificates) {
    start();
    done({"device", "add", "dev1"});
    done({"device", "add", "dev1/mod1"});
    certify("dev1", "dev1");
    certify("mod1", "dev1\\/mod1");
    EXPECT_EQ(connect("dev1", "dev1"), "in");
    EXPECT_EQ(connect("mod1", "dev1/mod1", "devices/dev1/modules/mod1/messages/events/"), "in");
    certify("old", "dev1", "fleet", "rsa:2048");
    EXPECT_EQ(connect("old", "dev1"), "in") << "makers have RSA, too";
    // Its last activity is known soon, and through which CA it came.
    EXPECT_TRUE(eventually([this] { return done({"ca", "show", "fleet"}).at("logins").to_number<int>() == 2; }));
    EXPECT_NE(done({"device", "show", "dev1"}).at("lastActivityTime").as_string(), "0001-01-01T00:00:00Z");
}

TEST_F(BrokerLogin, NobodyElse) {
    start();
    done({"device", "add", "dev1"});
    done({"device", "add", "dev1/mod1"});
    done({"device", "add", "dev2"});
    done({"device", "add", "off", "--disabled"});
    for (const char* name : {"dev1", "dev2", "off", "unknown"}) {
        certify(name, name);
    }
    make_ca("stranger", ec);
    certify("foreign", "dev1", "stranger");
    size_t from = log().size();
    EXPECT_EQ(connect("foreign", "dev1"), "tls");
    expect_refused("unknown_ca", from);
    from = log().size();
    EXPECT_EQ(connect("dev1", "dev2"), "refused");
    expect_refused("name_mismatch", from);
    EXPECT_EQ(connect("dev1", "dev1/mod1"), "refused");
    from = log().size();
    EXPECT_EQ(connect("off", "off"), "refused");
    expect_refused("disabled", from);
    from = log().size();
    EXPECT_EQ(connect("unknown", "unknown"), "refused");
    expect_refused("unknown_identity", from);
    EXPECT_EQ(connect("dev1", "$dev1"), "refused");
    // The CA's own certificate is nobody's.
    from = log().size();
    EXPECT_EQ(connect("fleet", "dev1"), "tls");
    expect_refused("bad_certificate", from);
    // Without a certificate there is no handshake.
    const auto bare = run_program(
        "/usr/bin/mosquitto_pub",
        {"-h", "localhost", "-p", std::to_string(port), "--cafile", at("server.pem"), "-i", "dev1", "-t", "x", "-m", "y"}, 20'000,
        libraries());
    EXPECT_NE(bare.exit, 0);
    EXPECT_EQ(connect("dev1", "dev1"), "in") << "and the others go on";
}

TEST_F(BrokerLogin, ByThumbprint) {
    start();
    make_ca("own", ec);  // self-signed, for nobody
    done({"device", "add", "dev1", "--certificate", at("own.pem")});
    done({"device", "add", "dev2"});
    EXPECT_EQ(connect("own", "dev1"), "in");
    EXPECT_EQ(connect("own", "dev2"), "refused");
    certify("dev1", "dev1");
    EXPECT_EQ(connect("dev1", "dev1"), "refused") << "the registry says by which certificate";
    done({"device", "set", "dev1", "--login", "ca"});
    EXPECT_TRUE(eventually([this] { return connect("dev1", "dev1") == "in"; }));
    EXPECT_EQ(connect("own", "dev1"), "tls");
}

TEST_F(BrokerLogin, CasComeAndGoWhileOthersStayConnected) {
    start();
    make_ca("second", ec);
    done({"device", "add", "dev1"});
    done({"device", "add", "dev2"});
    certify("dev1", "dev1");
    certify("dev2", "dev2", "second");
    const pid_t stays = stay("dev1", "dev1");
    EXPECT_EQ(connect("dev2", "dev2"), "tls");
    // Registered is not proved.
    done({"ca", "register", at("second.pem")});
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_EQ(connect("dev2", "dev2"), "tls");
    done({"ca", "delete", "second"});
    done({"ca", "register", at("second.pem"), "--key", at("second.key")});
    EXPECT_TRUE(eventually([this] { return connect("dev2", "dev2") == "in"; })) << log();
    EXPECT_FALSE(says("session_cut")) << log();
    EXPECT_EQ(::kill(stays, 0), 0);
    const size_t from = log().size();
    done({"ca", "delete", "fleet", "--cut-off"});
    EXPECT_TRUE(eventually([&] { return says("session_cut", from); })) << log();
    expect_refused("unknown_ca", from);
    EXPECT_EQ(connect("dev2", "dev2"), "in");
    ::kill(stays, SIGKILL);
    (void)exit_of(stays);
}

TEST_F(BrokerLogin, WhoeverMayNotAnyLongerIsCutOff) {
    start();
    for (const char* name : {"dev1", "dev1/mod1", "dev2", "dev3"}) {
        done({"device", "add", name});
    }
    certify("dev1", "dev1");
    certify("mod1", "dev1\\/mod1");
    certify("dev2", "dev2");
    certify("dev3", "dev3");
    std::vector<pid_t> all{stay("dev1", "dev1"), stay("mod1", "dev1/mod1"), stay("dev2", "dev2"), stay("dev3", "dev3")};
    std::vector<milliseconds> took;
    took.push_back(until_cut({"device", "disable", "dev1/mod1"}, "disabled"));
    took.push_back(until_cut({"device", "disable", "dev1"}, "disabled"));
    took.push_back(until_cut({"device", "delete", "dev2"}, "unknown_identity"));
    took.push_back(until_cut({"device", "revoke", "dev3"}, "epoch_passed"));
    fmt::print("cut after {} ms\n", fmt::join(took, ", "));
    // They come again by themselves, and are refused.
    EXPECT_TRUE(eventually([this] { return says("\"login_refused\""); })) << log();
    for (const pid_t one : all) {
        ::kill(one, SIGKILL);
        (void)exit_of(one);
    }
}

TEST_F(BrokerLogin, ADisabledDeviceTakesItsModulesWithIt) {
    start();
    done({"device", "add", "dev1"});
    done({"device", "add", "dev1/mod1"});
    certify("mod1", "dev1\\/mod1");
    const pid_t module = stay("mod1", "dev1/mod1");
    (void)until_cut({"device", "disable", "dev1"}, "device_disabled");
    ::kill(module, SIGKILL);
    (void)exit_of(module);
}

TEST_F(BrokerLogin, AReloadDropsNobody) {
    start();
    done({"device", "add", "dev1"});
    certify("dev1", "dev1");
    const pid_t stays = stay("dev1", "dev1");
    const size_t from = log().size();
    ::kill(broker, SIGHUP);
    EXPECT_TRUE(eventually([&] { return says("\"login\"", from); })) << "everybody is judged again\n" << log();
    EXPECT_FALSE(says("session_cut", from));
    (void)until_cut({"device", "disable", "dev1"}, "disabled");
    ::kill(stays, SIGKILL);
    (void)exit_of(stays);
}

// A session of MQTT 5 that waits for its device has no connection: who ends it twice spoils the broker's memory.
TEST_F(BrokerLogin, AReloadLeavesSessionsThatWaitForTheirDevices) {
    start();
    for (const char* name : {"dev1", "dev2"}) {
        done({"device", "add", name});
        certify(name, name);
    }
    const auto subscribe = [this](const std::string& more) {
        auto words =
            client("mosquitto_sub", "dev2", "dev2", {"-V", "5", "-c", "-x", "3600", "-q", "1", "-t", "$iothub/twin/res/#", more});
        return run_program(words.front(), {words.begin() + 1, words.end()}, 20'000, libraries());
    };
    ASSERT_EQ(subscribe("-E").exit, 0) << log();
    const pid_t hears = listen_to_all(), stays = stay("dev1", "dev1");
    for (int i = 0; i < 3; ++i) {
        const size_t from = log().size();
        ::kill(broker, SIGHUP);
        EXPECT_TRUE(eventually([&] { return says("\"login\"", from); })) << log();
        EXPECT_FALSE(says("login_refused", from)) << log().substr(from);
        EXPECT_FALSE(says("disconnected", from)) << log().substr(from);
    }
    EXPECT_EQ(connect("dev2", "dev2"), "in") << log();
    EXPECT_TRUE(eventually([this] { return heard().find("devices/dev2/messages/events/") != std::string::npos; })) << heard();
    EXPECT_EQ(::kill(broker, 0), 0) << log();
    // Who waits is judged when he comes, by what holds then.
    ASSERT_EQ(subscribe("-E").exit, 0) << log();
    done({"device", "disable", "dev2"});
    ::kill(broker, SIGHUP);
    EXPECT_TRUE(eventually([this] { return connect("dev2", "dev2") == "refused"; })) << log();
    end(hears);
    end(stays);
}

TEST_F(BrokerLogin, PostQuantumOnly) {
    make_ca("pq", "ML-DSA-65");
    done({"ca", "register", at("pq.pem"), "--key", at("pq.key")});
    done({"device", "add", "dev1"});
    certify("dev1", "dev1", "pq", "ML-DSA-65");
    start("plugin_opt_groups X25519MLKEM768");
    EXPECT_EQ(connect("dev1", "dev1"), "in") << log();
    // A client that knows X25519 alone does not get in.
    const auto old =
        run_program("/bin/sh", {"-c", fmt::format("{} s_client -connect localhost:{} -groups X25519 -CAfile {} </dev/null",
                                                  BERTH_OPENSSL_COMMAND, port, at("server.pem"))});
    EXPECT_THAT(old.all(), testing::HasSubstr("handshake failure"));
}

TEST_F(BrokerLogin, MistakesInTheConfigurationEndTheStart) {
    put("mosquitto.conf",
        fmt::format("user root\nplugin {}/berth-broker-plugin.so\nplugin_opt_hub {}\n", BERTH_BIN_DIR, at("nowhere")));
    const auto r = run_program("/usr/sbin/mosquitto", {"-c", at("mosquitto.conf")}, 20'000, libraries());
    EXPECT_NE(r.exit, 0);
    EXPECT_THAT(r.all(), testing::HasSubstr("gate_not_opened"));
    put("mosquitto.conf", fmt::format("user root\nplugin {}/berth-broker-plugin.so\nplugin_opt_hub {}\nplugin_opt_colour red\n",
                                      BERTH_BIN_DIR, at("hub")));
    EXPECT_THAT(run_program("/usr/sbin/mosquitto", {"-c", at("mosquitto.conf")}, 20'000, libraries()).all(),
                testing::HasSubstr("plugin_opt_colour"));
}

}  // namespace
}  // namespace berth::test
