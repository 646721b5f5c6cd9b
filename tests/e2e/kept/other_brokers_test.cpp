// Brokers of other makes ask berthd over HTTP, in the words of their documentation, which curl says here.
#include "kept_world.h"
#include "support/free_port.h"
#include "wire/base64.h"

namespace berth::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* token = "a token of the broker's own";

class OtherBrokers : public Kept {
protected:
    void begin_with(const std::string& more) {
        EXPECT_TRUE(app::write_text(at("token"), std::string(token) + "\n"));
        fs::permissions(at("token"), fs::perms::owner_read | fs::perms::owner_write);
        plain = free_port();
        begin(false, fmt::format(
                         "[hub.other_brokers]\ntokens = [\"{}\"]\nclients = [\"admin-root.pem\"]\nlisten = \"127.0.0.1:{}\"\n{}\n"
                         "[admin]\nlisten = \"127.0.0.1:0\"\n",
                         at("token"), plain, more));
    }
    // "STATUS BODY"
    std::string curl(std::vector<std::string> words) const {
        words.insert(words.begin(), {"-sS", "-w", " %{http_code}"});
        return run_program("/usr/bin/curl", words, 30'000, our_libraries()).all();
    }
    std::string ask(const std::string& path, const std::string& body, std::vector<std::string> more = {}) const {
        more.insert(more.end(),
                    {"--cacert", world->server_root().string(), "-H", "Content-Type: application/json", "--data-binary", body,
                     fmt::format("https://localhost:{}/v1/broker/{}", world->at("https").port, path)});
        return curl(more);
    }
    std::string emqx(const std::string& path, const wire::json::object& body) const {
        return ask("emqx/" + path, wire::to_text(body), {"-H", std::string("Authorization: Bearer ") + token});
    }
    std::string vernemq(const std::string& hook, const std::string& body) const {
        return curl(
            {"-H", "Content-Type: application/json", "-H", "vernemq-hook: " + hook, "--data-binary", body,
             fmt::format("http://127.0.0.1:{}/v1/broker/vernemq?token={}", plain, "a%20token%20of%20the%20broker%27s%20own")});
    }
    // By the key of nothing but zeros that is given below.
    static std::string sas(const std::string& resource) {
        const auto r = run_program(
            "/bin/sh",
            {"-c", fmt::format("sr=$(printf %s '{}' | sed 's:/:%2F:g'); se=$(($(date +%s) + 600)); "
                               "sig=$(printf '%s\\n%s' $sr $se | {} dgst -sha256 -mac HMAC -macopt "
                               "hexkey:$(printf 000000000000000000000000 | od -An -tx1 | tr -d ' \\n') -binary | base64 -w0 | "
                               "sed 's:+:%2B:g;s:/:%2F:g;s:=:%3D:g'); "
                               "printf 'SharedAccessSignature sr=%s&sig=%s&se=%s' $sr $sig $se",
                               resource, BERTH_OPENSSL_COMMAND)});
        return r.output.empty() ? "" : r.output.front();
    }
    void add_keyed() {
        EXPECT_TRUE(app::write_text(at("keys"), "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw\n"));
        fs::permissions(at("keys"), fs::perms::owner_read | fs::perms::owner_write);
        EXPECT_EQ(hub({"set", "--device-sas", "on"}).exit, 0);
        EXPECT_EQ(hub({"device", "add", "keyed", "--login", "sas", "--keys-file", at("keys")}).exit, 0);
    }
    uint16_t plain = 0;
};

TEST_F(OtherBrokers, OnlyABrokerIsAnswered) {
    begin_with("names = [\"admin\"]");
    const std::string body = R"({"clientid":"dev-1","action":"publish","topic":"devices/dev-1/messages/events/"})";
    EXPECT_THAT(ask("emqx/topic", body), HasSubstr("401"));
    EXPECT_THAT(ask("emqx/topic", body, {"-H", "Authorization: Bearer another token"}), HasSubstr("401"));
    const auto with = [&](const app::hub_world::holder& who) {
        return ask("emqx/topic", body, {"--cert", who.chain.string(), "--key", who.key.string()});
    };
    EXPECT_THAT(with(world->admin()), HasSubstr(R"({"result":"allow"} 200)"));
    EXPECT_THAT(with(holder("dev-1")), HasSubstr("401")) << "a device is no broker";
    EXPECT_THAT(ask("emqx/topic?token=a%20token%20of%20the%20broker%27s%20own", body), HasSubstr("401"))
        << "in an address, on this machine alone";
    EXPECT_THAT(curl({"-H", "Content-Type: application/json", "--data-binary", body,
                      fmt::format("http://127.0.0.1:{}/v1/broker/emqx/topic", plain)}),
                HasSubstr("401"));
}

TEST_F(OtherBrokers, EmqxAsksAboutLoginsAndTopics) {
    begin_with("");
    add_keyed();
    const auto by_key = [&](const std::string& client, const std::string& password) {
        return emqx("login", {{"clientid", client},
                              {"username", "localhost/" + client + "/?api-version=2021-04-12"},
                              {"password", password},
                              {"cert_pem", ""},
                              {"cert_common_name", "undefined"}});
    };
    EXPECT_THAT(by_key("keyed", sas("localhost/devices/keyed")), HasSubstr(R"({"result":"allow","expire_at":)"));
    EXPECT_THAT(by_key("keyed", sas("localhost/devices/dev-1")), HasSubstr(R"({"result":"deny"} 200)"));
    EXPECT_THAT(by_key("dev-1", sas("localhost/devices/dev-1")), HasSubstr(R"({"result":"deny"} 200)"));
    // By certificate: as EMQX passes it on, base64 of PEM, and the rest of the chain with it.
    const auto by_certificate = [&](const std::string& client, const std::string& whose) {
        return emqx("login",
                    {{"clientid", client}, {"cert_pem", wire::base64(as_bytes(got(app::read_text(holder(whose).chain))))}});
    };
    EXPECT_THAT(by_certificate("dev-1", "dev-1"), HasSubstr(R"({"result":"allow","expire_at":)"));
    EXPECT_THAT(by_certificate("dev-2", "dev-1"), HasSubstr(R"({"result":"deny"} 200)"));
    EXPECT_THAT(emqx("login", {{"clientid", "dev-1"}, {"cert_common_name", "dev-1"}}), HasSubstr("deny"))
        << "its word does not count";
    EXPECT_THAT(emqx("login", {{"clientid", "dev-1"}}), HasSubstr("deny"));
    const auto topic = [&](const std::string& client, const std::string& action, const std::string& of) {
        return emqx("topic", {{"clientid", client}, {"action", action}, {"topic", of}});
    };
    EXPECT_THAT(topic("dev-1", "publish", "devices/dev-1/messages/events/a=1"), HasSubstr("allow"));
    EXPECT_THAT(topic("dev-1", "publish", "devices/dev-2/messages/events/"), HasSubstr("deny"));
    EXPECT_THAT(topic("dev-1", "subscribe", "$iothub/methods/POST/#"), HasSubstr("allow"));
    EXPECT_THAT(topic("dev-1", "subscribe", "#"), HasSubstr("deny"));
    EXPECT_THAT(topic("nobody", "publish", "devices/nobody/messages/events/"), HasSubstr("deny"));
    EXPECT_THAT(
        emqx("topic",
             {{"clientid", "dev-1"}, {"action", "publish"}, {"topic", "devices/dev-1/messages/events/"}, {"retain", "true"}}),
        HasSubstr("deny"));
    // What changes in the registry counts at the next question.
    EXPECT_EQ(hub({"device", "disable", "dev-1"}).exit, 0);
    EXPECT_THAT(by_certificate("dev-1", "dev-1"), HasSubstr("deny"));
    EXPECT_THAT(topic("dev-1", "publish", "devices/dev-1/messages/events/"), HasSubstr("deny"));
    const auto metrics =
        run_program("/usr/bin/curl", {"-sS", fmt::format("http://127.0.0.1:{}/metrics", world->at("admin").port)});
    EXPECT_THAT(metrics.all(), HasSubstr(R"(berth_hub_logins_total{broker="emqx",by="key"} 1)"));
    EXPECT_THAT(metrics.all(), HasSubstr(R"(berth_hub_logins_total{broker="emqx",by="certificate"} 1)"));
    EXPECT_THAT(metrics.all(), HasSubstr(R"(berth_hub_refusals_total{broker="emqx",reason="wrong_resource"} 1)"));
    listen(100);
    EXPECT_THAT(said, Not(HasSubstr("sig=")));
    EXPECT_THAT(hub({"device", "show", "keyed"}).all(), Not(HasSubstr("0001-01-01T00:00:00Z\",\"cloud"))) << "it was active";
}

TEST_F(OtherBrokers, WhatIsNotUnderstoodLetsNobodyIn) {
    begin_with("");
    const std::vector<std::string> as_broker{"-H", std::string("Authorization: Bearer ") + token};
    for (const std::string bad : {"", "{}", "[]", R"({"clientid":"dev-1"})", R"({"clientid":"dev-1","action":"publish"})",
                                  R"({"clientid":"dev-1","action":"x","topic":"devices/dev-1/messages/events/"})"}) {
        EXPECT_THAT(ask("emqx/topic", bad, as_broker), HasSubstr(R"({"result":"deny"} 200)")) << bad;
        EXPECT_THAT(ask("emqx/login", bad, as_broker), HasSubstr(R"({"result":"deny"} 200)")) << bad;
        EXPECT_THAT(vernemq("auth_on_publish", bad), HasSubstr(R"({"result":{"error":"not_allowed"}} 200)")) << bad;
    }
    auto form = as_broker;
    form.insert(form.end(), {"-H", "Content-Type: application/x-www-form-urlencoded"});
    EXPECT_THAT(ask("emqx/login", "clientid=dev-1", form), HasSubstr("deny"));
    EXPECT_THAT(ask("nothing", "{}", as_broker), HasSubstr("404"));
    EXPECT_THAT(curl({"-H", as_broker[1], "--cacert", world->server_root().string(),
                      fmt::format("https://localhost:{}/v1/broker/emqx/login?clientid=dev-1", world->at("https").port)}),
                HasSubstr("405"));
    EXPECT_THAT(vernemq("auth_on_deliver", R"({"client_id":"dev-1","topic":"devices/dev-1/messages/events/"})"),
                HasSubstr("not_allowed"));
    EXPECT_TRUE(app::write_text(at("large"), std::string(600'000, ' ')));
    EXPECT_THAT(ask("emqx/login", "@" + at("large"), as_broker), HasSubstr("413"));
}

TEST_F(OtherBrokers, VernemqAsksByItsHooks) {
    begin_with("common_names = [\"vernemq\"]");
    add_keyed();
    const auto log_in = [&](const std::string& client, const std::string& user, const std::string& password) {
        return vernemq("auth_on_register", wire::to_text(wire::json::object{
                                               {"peer_addr", "192.0.2.1"},
                                               {"peer_port", 8888},
                                               {"username", user},
                                               {"password", password.empty() ? wire::json::value() : wire::json::value(password)},
                                               {"mountpoint", ""},
                                               {"client_id", client},
                                               {"clean_session", false}}));
    };
    EXPECT_THAT(log_in("keyed", "localhost/keyed/?api-version=2021-04-12", sas("localhost/devices/keyed")),
                HasSubstr(R"({"result":"ok"} 200)"));
    EXPECT_THAT(log_in("keyed", "keyed", ""), HasSubstr("not_allowed")) << "it has a key";
    EXPECT_THAT(log_in("dev-1", "dev-1", ""), HasSubstr(R"({"result":"ok"} 200)")) << "the broker has verified its common name";
    EXPECT_THAT(log_in("dev-1", "dev-2", ""), HasSubstr("not_allowed"));
    EXPECT_THAT(log_in("dev-1", "", ""), HasSubstr("not_allowed"));
    const auto publish = [&](const std::string& hook, bool retain) {
        return vernemq(hook, wire::to_text(wire::json::object{{"username", "dev-1"},
                                                              {"client_id", "dev-1"},
                                                              {"mountpoint", ""},
                                                              {"qos", 1},
                                                              {"topic", "devices/dev-1/messages/events/a=1"},
                                                              {"payload", "aGVsbG8="},
                                                              {"retain", retain}}));
    };
    EXPECT_THAT(publish("auth_on_publish", false), HasSubstr(R"({"result":"ok"} 200)"));
    EXPECT_THAT(publish("auth_on_publish_m5", true),
                HasSubstr(R"("modifiers":{"topic":"devices/dev-1/messages/events/a=1&mqtt-retain=true","retain":false})"));
    EXPECT_THAT(vernemq("auth_on_subscribe", R"({"client_id":"dev-1","mountpoint":"","username":"dev-1","topics":[)"
                                             R"({"topic":"$iothub/methods/POST/#","qos":1},{"topic":"#","qos":1}]})"),
                HasSubstr(R"({"topic":"#","qos":128}])"));
    // Certificates that were ended cannot be told from those that were not.
    EXPECT_EQ(hub({"device", "revoke", "dev-1"}).exit, 0);
    EXPECT_THAT(log_in("dev-1", "dev-1", ""), HasSubstr("not_allowed"));
}

TEST_F(OtherBrokers, MistakesAreToldBeforeAnythingStarts) {
    begin_with("");
    const auto refused = [this](const std::string& table) {
        auto toml = got(app::read_text(world->config()));
        const size_t from = toml.find("[hub.other_brokers]");
        toml.erase(from, toml.find("[admin]") - from);
        EXPECT_TRUE(app::write_text(world->directory() / "wrong.toml", toml + "[hub.other_brokers]\n" + table));
        const auto r =
            run_program(fs::path(BERTH_BIN_DIR) / "berthd", {"--json", "check", (world->directory() / "wrong.toml").string()});
        EXPECT_NE(r.exit, 0) << table;
        return r.all();
    };
    EXPECT_THAT(refused(""), HasSubstr("no broker could ask"));
    EXPECT_THAT(refused("tokens = [\"nothing\"]"), HasSubstr("file_not_found"));
    EXPECT_THAT(refused("clients = [\"admin-root.pem\"]\nlisten = \"127.0.0.1:1\""), HasSubstr("token"));
    EXPECT_THAT(refused("clients = [\"admin-root.pem\"]\ncommon_names = [\"hivemq\"]"), HasSubstr("emqx"));
    EXPECT_THAT(refused("tokens = [\"" + at("token") + "\"]\nlisten = \"0.0.0.0:1\""), HasSubstr("this machine alone"));
    EXPECT_THAT(refused("tokens = [\"" + at("token") + "\"]\nlisten = \"127.example.com:1\""), HasSubstr("this machine alone"));
    fs::permissions(at("token"), fs::perms::owner_read | fs::perms::others_read);
    EXPECT_THAT(refused("tokens = [\"" + at("token") + "\"]"), HasSubstr("unsafe_permissions"));
}

}  // namespace
}  // namespace berth::test
