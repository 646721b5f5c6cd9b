// Devices and modules log in by keys that they share with the hub, where it lets them. Tokens are made by the openssl command.
#include "broker_world.h"

namespace berth::test {
namespace {

class BrokerKeys : public BrokerWorld {
protected:
    BrokerKeys() { require_certificate = false; }
    void SetUp() override {
        BrokerWorld::SetUp();
        done({"set", "--device-sas", "on", "--module-sas", "on"});
        // "000...": in base64, for those who read them.
        put("keys", "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw\n");
        fs::permissions(at("keys"), fs::perms::owner_read | fs::perms::owner_write);
        done({"device", "add", "dev1", "--login", "sas", "--keys-file", at("keys")});
        done({"device", "add", "dev1/mod1", "--login", "sas", "--keys-file", at("keys")});
        done({"device", "add", "dev2"});
        start();
    }
    // By the key above, for so many seconds.
    [[nodiscard]] static std::string token(const std::string& resource, int64_t lasts = 3600) {
        const auto r = run_program(
            "/bin/sh",
            {"-c", fmt::format("sr=$(printf %s '{}' | sed 's:/:%2F:g'); se=$(($(date +%s) + {})); "
                               "sig=$(printf '%s\\n%s' $sr $se | {} dgst -sha256 -mac HMAC -macopt "
                               "hexkey:$(printf 000000000000000000000000 | od -An -tx1 | tr -d ' \\n') -binary | base64 -w0 | "
                               "sed 's:+:%2B:g;s:/:%2F:g;s:=:%3D:g'); "
                               "printf 'SharedAccessSignature sr=%s&sig=%s&se=%s' $sr $sig $se",
                               resource, lasts, BERTH_OPENSSL_COMMAND)});
        EXPECT_EQ(r.output.size(), 1U) << r.all();
        return r.output.empty() ? "" : r.output.front();
    }
    [[nodiscard]] std::vector<std::string> words(const std::string& program, const std::string& id,
                                                 const std::vector<std::string>& more) const {
        std::vector<std::string> out{"/usr/bin/" + program, "-h", "localhost", "-p", std::to_string(port), "--cafile",
                                     at("server.pem"),      "-i", id};
        out.insert(out.end(), more.begin(), more.end());
        return out;
    }
    static std::vector<std::string> shown(const std::string& id, const std::string& token) {
        return {"-u", "localhost/" + id + "/?api-version=2021-04-12", "-P", token};
    }
    // Exit code of mosquitto_pub: 0, and 5 for CONNACK 5.
    [[nodiscard]] int publish(const std::string& id, std::vector<std::string> by) const {
        const std::string topic =
            id == "dev1/mod1" ? "devices/dev1/modules/mod1/messages/events/" : "devices/" + id + "/messages/events/";
        by.insert(by.end(), {"-q", "1", "-t", topic, "-m", "hello"});
        const auto all = words("mosquitto_pub", id, by);
        return run_program(all.front(), {all.begin() + 1, all.end()}, 20'000, libraries()).exit;
    }
    void expect_refused(const std::string& id, const std::vector<std::string>& by, const std::string& reason) {
        const size_t from = log().size();
        EXPECT_EQ(publish(id, by), 5) << reason;
        EXPECT_TRUE(says("\"reason\":\"" + reason + "\"", from)) << reason << "\n" << log().substr(from);
    }
    pid_t stay_by(const std::string& id, const std::string& token) {
        const size_t from = log().size();
        auto by = shown(id, token);
        by.insert(by.end(), {"-q", "1", "-t", "$iothub/twin/res/#"});
        const pid_t out = spawn(words("mosquitto_sub", id, by), at("sub.log"), libraries());
        EXPECT_TRUE(eventually([&] { return says("\"login\"", from); })) << log();
        return out;
    }
    void expect_cut(size_t from, const std::string& reason) {
        EXPECT_TRUE(eventually([&] { return says("\"session_cut\"", from); })) << log();
        EXPECT_TRUE(says("\"reason\":\"" + reason + "\"", from)) << log().substr(from);
    }
};

TEST_F(BrokerKeys, DevicesAndModulesByTokensOfTheirOwn) {
    const auto good = token("localhost/devices/dev1");
    EXPECT_EQ(publish("dev1", shown("dev1", good)), 0) << log();
    EXPECT_TRUE(says("\"by\":\"key\"")) << log();
    EXPECT_EQ(publish("dev1/mod1", shown("dev1/mod1", token("localhost/devices/dev1/modules/mod1"))), 0) << log();
    // Nothing that could be used again stands in the log, in lists, or in the stream of events.
    EXPECT_EQ(log().find("sig="), std::string::npos);
    EXPECT_EQ((hub({"device", "list"}).all() + hub({"device", "show", "dev1"}).all() + hub({"events"}).all()).find("MDAwMDAw"),
              std::string::npos);
}

TEST_F(BrokerKeys, NobodyElse) {
    const auto good = token("localhost/devices/dev1");
    expect_refused("dev1", {}, "login_not_allowed");
    expect_refused("dev2", {}, "no_certificate");
    expect_refused("dev2", shown("dev2", token("localhost/devices/dev2")), "login_not_allowed");
    expect_refused("dev1/mod1", shown("dev1/mod1", good), "wrong_resource");
    expect_refused("dev1", shown("dev1", token("localhost/devices/dev1", -1)), "token_expired");
    expect_refused("dev1", shown("dev1", good + "0"), "bad_token");
    expect_refused("dev1", {"-u", "dev1", "-P", good}, "bad_user_name");
    expect_refused("unknown", shown("unknown", token("localhost/devices/unknown")), "unknown_identity");
    // Who has a certificate comes in by it at the same listener, and who has a key does not.
    certify("dev2", "dev2");
    EXPECT_EQ(connect("dev2", "dev2"), "in") << log();
    certify("dev1", "dev1");
    const size_t from = log().size();
    EXPECT_EQ(connect("dev1", "dev1"), "refused");
    EXPECT_TRUE(says("login_not_allowed", from)) << log();
    // And one that nobody vouches for ends the handshake.
    make_ca("stranger", ec);
    certify("foreign", "dev2", "stranger");
    EXPECT_EQ(connect("foreign", "dev2"), "tls");
}

TEST_F(BrokerKeys, ASwitchThatGoesOffCutsSessions) {
    const pid_t device = stay_by("dev1", token("localhost/devices/dev1"));
    const pid_t module = stay_by("dev1/mod1", token("localhost/devices/dev1/modules/mod1"));
    size_t from = log().size();
    done({"set", "--module-sas", "off"});
    expect_cut(from, "shared_keys_off");
    EXPECT_FALSE(says("\"client_id\":\"dev1\",\"reason\"", from)) << "devices stay";
    end(module);
    from = log().size();
    done({"set", "--device-sas", "off"});
    expect_cut(from, "shared_keys_off");
    end(device);
    expect_refused("dev1", shown("dev1", token("localhost/devices/dev1")), "shared_keys_off");
    EXPECT_EQ(refused({"device", "add", "dev9", "--login", "sas"}), "shared_keys_refused");
    EXPECT_EQ(refused({"device", "show", "dev9"}), "unknown_identity") << "it was not made either";
    // On again, on the broker that runs.
    done({"set", "--device-sas", "on"});
    EXPECT_TRUE(eventually([&] { return publish("dev1", shown("dev1", token("localhost/devices/dev1"))) == 0; })) << log();
}

TEST_F(BrokerKeys, AReloadAsksForCertificatesAllTheSame) {
    certify("dev2", "dev2");
    const pid_t stays = stay_by("dev1", token("localhost/devices/dev1"));
    const size_t from = log().size();
    ::kill(broker, SIGHUP);
    EXPECT_TRUE(eventually([&] { return says("\"login\"", from); })) << log();
    EXPECT_EQ(connect("dev2", "dev2"), "in") << log();
    make_ca("stranger", ec);
    certify("foreign", "dev2", "stranger");
    EXPECT_EQ(connect("foreign", "dev2"), "tls") << log();
    end(stays);
}

TEST_F(BrokerKeys, ASessionEndsWithItsTokenAndWithItsKey) {
    const size_t from = log().size();
    const pid_t soon = stay_by("dev1/mod1", token("localhost/devices/dev1/modules/mod1", 3));
    expect_cut(from, "token_expired");
    end(soon);
    const pid_t stays = stay_by("dev1", token("localhost/devices/dev1"));
    size_t then = log().size();
    done({"device", "rotate-key", "dev1", "secondary"});
    ::kill(broker, SIGHUP);
    EXPECT_TRUE(eventually([&] { return says("\"login\"", then); })) << "a reload judges it again\n" << log();
    EXPECT_FALSE(says("session_cut", then)) << "it has come by the other one";
    then = log().size();
    done({"device", "rotate-key", "dev1", "primary"});
    expect_cut(then, "bad_token");
    end(stays);
}

TEST_F(BrokerKeys, TokensAreForTheHubsName) {
    done({"set", "--host-name", "hub.example"});
    const auto of = [](const std::string& host) {
        return std::vector<std::string>{"-u", host + "/dev1/?api-version=2021-04-12", "-P", token(host + "/devices/dev1")};
    };
    EXPECT_TRUE(eventually([&] { return publish("dev1", of("hub.example")) == 0; })) << log();
    expect_refused("dev1", of("localhost"), "wrong_resource");
    EXPECT_EQ(done({"set", "--host-name", ""}).at("hostName"), wire::json::value(nullptr));
    EXPECT_TRUE(eventually([&] { return publish("dev1", of("localhost")) == 0; })) << log();
}

}  // namespace
}  // namespace berth::test
