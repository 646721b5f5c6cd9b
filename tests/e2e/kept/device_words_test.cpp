// What a device that is in may say, and should not: Wills on others' topics, property bags that do not decode, twins that are
// none, answers that nobody has asked for. It is told where it can be told, nothing is lost or made up, and others go on.
#include "kept_world.h"
#include "support/mqtt_packets.h"

namespace berth::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::string_literals;

class DeviceWords : public Kept {
protected:
    [[nodiscard]] websocket_client::files files_of(const std::string& name) const {
        return {world->server_root().string(), holder(name).chain.string(), holder(name).key.string()};
    }
    [[nodiscard]] std::unique_ptr<mqtt_by_hand> come(const std::string& name) const {
        auto out = std::make_unique<mqtt_by_hand>(world->at("mqtt").port, files_of(name));
        EXPECT_EQ(out->log_in(mqtt_connect(name)), 0) << name;
        return out;
    }
    void keep_telemetry() { begin(false, fmt::format("[[hub.telemetry]]\nname = \"archive\"\nfile = \"{}\"\n", at("archive"))); }
    bool archived(const std::string& what) {
        return eventually([&] { return text("archive").find(what) != std::string::npos; });
    }
    // Of the archive, by the property n.
    [[nodiscard]] size_t lines() const {
        const std::string all = text("archive");
        return static_cast<size_t>(std::ranges::count(all, '\n'));
    }
    // The status that is said to `payload` at a topic, and what is said with it.
    std::string told(mqtt_by_hand& c, const std::string& topic, std::string_view payload) {
        c.send(mqtt_publish(topic, payload, 0));
        const auto answer = c.next(3);
        if (!answer) {
            return "ended";
        }
        constexpr std::string_view beginning = "$iothub/twin/res/";
        EXPECT_THAT(answer->topic(), testing::StartsWith(std::string(beginning)));
        return answer->topic().substr(beginning.size(), 3) + " " + answer->payload();
    }
    std::string report(mqtt_by_hand& c, std::string_view payload) {
        return told(c, "$iothub/twin/PATCH/properties/reported/?$rid=1", payload);
    }
    [[nodiscard]] std::string twin(const std::string& name) const {
        return wire::to_text(hub({"twin", "show", name}).json().at("properties"));
    }
    static std::string levels(int most, const std::string& inside = "1") {
        std::string out;
        for (int i = 0; i < most; ++i) {
            out += "{\"a\":";
        }
        return out + inside + std::string(static_cast<size_t>(most), '}');
    }
    // More than a section has room for, in texts that are small enough.
    static std::string thirty_three_kilobytes() {
        std::string out = "{";
        for (int i = 0; i < 11; ++i) {
            out += fmt::format("{}\"t{}\":\"{}\"", i == 0 ? "" : ",", i, std::string(3'000, 'x'));
        }
        return out + "}";
    }
    struct bad_patch {
        std::string body, status, word;
    };
    static std::vector<bad_patch> bad_patches() {
        return {
            {levels(100), "400", ""},
            {levels(11), "400", "10"},
            {thirty_three_kilobytes(), "413", "octets"},
            {"{\"a\":\"" + std::string(4'097, 'x') + "\"}", "400", "octets"},
            {"{\"" + std::string(1'025, 'n') + "\":1}", "400", "name"},
            {"[1]", "400", ""},
            {"7", "400", ""},
            {"null", "400", ""},
            {"\"text\"", "400", ""},
            {"\0"s, "400", ""},
            {"{\"a\":\"\0\"}"s, "400", ""},
            {R"({"a":1,"a":2})", "400", "a"},
            {R"({"a":{"b":1,"b":1}})", "400", "b"},
            {R"({"a.b":1})", "400", "name"},
            {R"({"$version":7})", "400", "name"},
            {R"({"a":{"$x":1}})", "400", "name"},
            {R"({"a b":1})", "400", "name"},
            {R"({"":1})", "400", "name"},
            {R"({"a\u0000":1})", "400", ""},
            {R"({"a":[null]})", "400", "null"},
            {R"({"a":1)", "400", ""},
            {R"({'a':1})", "400", ""},
            {R"({"a":NaN})", "400", ""},
            {R"({"a":1} {"b":2})", "400", ""},
            {"{\"a\":\"\xff\"}", "400", ""},
            {"{\"a\":\"\xc0\xaf\"}", "400", ""},
            {R"({"a":"\ud800"})", "400", ""},
            {"\xef\xbb\xbf{\"a\":1}", "400", ""},
        };
    }
};

TEST_F(DeviceWords, AWillIsItsOwnTelemetryAndNothingElse) {
    keep_telemetry();
    const auto dies_with = [this](const std::string& topic, const std::string& words, bool retain = false, uint8_t qos = 1) {
        mqtt_by_hand c(world->at("mqtt").port, files_of("dev-1"));
        hub::connect_packet::will will{qos, retain, {}, topic, to_bytes(as_bytes(words))};
        return c.log_in(mqtt_connect("dev-1", will));
        // And goes without a word.
    };
    auto other = come("dev-2");
    for (const char* filter : {"$iothub/twin/res/#", "$iothub/methods/POST/#", "devices/dev-2/messages/devicebound/#"}) {
        ASSERT_TRUE(other->subscribe(filter));
    }
    const std::string before = twin("dev-1");
    for (const char* topic :
         {"devices/dev-2/messages/events/n=stolen", "devices/dev-1/modules/mod-1/messages/events/n=stolen",
          "devices/dev-2/messages/devicebound/n=stolen", "devices/dev-1/messages/devicebound/n=stolen",
          "$iothub/twin/PATCH/properties/reported/?$rid=1", "$iothub/twin/PATCH/properties/desired/?$version=9",
          "$iothub/twin/GET/?$rid=1", "$iothub/twin/res/200/?$rid=1", "$iothub/methods/POST/reboot/?$rid=1",
          "$iothub/methods/res/200/?$rid=1", "$iothub/credentials/POST/issueCertificate/?$rid=1",
          "$dps/registrations/PUT/iotdps-register/?$rid=1", "$dps/registrations/res/200/?$rid=1", "$berth/call", "$berth/seen",
          "$SYS/broker/version", "stolen"}) {
        EXPECT_EQ(dies_with(topic, R"({"stolen":true})"), 0) << topic;
    }
    // To be retained, though its own: nothing is kept in topics, and the log says so.
    EXPECT_EQ(dies_with("devices/dev-1/messages/events/n=kept", "stolen", true), 0);
    EXPECT_TRUE(eventually([this] { return said.find("\"will_dropped\"") != std::string::npos; })) << said;
    EXPECT_EQ(dies_with("devices/dev-1/messages/events/n=own", "last words"), 0);
    ASSERT_TRUE(archived("\"n\":\"own\"")) << said;
    EXPECT_EQ(lines(), 1U) << text("archive");
    EXPECT_EQ(twin("dev-1"), before);
    EXPECT_TRUE(other->is_there()) << "and dev-2 has heard nothing: PINGRESP comes first";
    // Wildcards and QoS 2 no broker takes.
    EXPECT_NE(dies_with("devices/+/messages/events/", "x"), 0);
    EXPECT_NE(dies_with("devices/dev-1/messages/events/", "x", false, 2), 0);
}

TEST_F(DeviceWords, ABagThatDoesNotDecodeIsHandedOnAsItCame) {
    keep_telemetry();
    const std::string own = "devices/dev-1/messages/events/";
    auto c = come("dev-1");
    const std::vector<std::string> bags{"%",        "a=%",         "a=%z", "a=%zz",    "a=%00",      "%00=1", "a=%ff",
                                        "a=%c0%af", "a=%ed%a0%80", "=1",   "a=1&&b=2", "%24.ct=%ff", "a=%25%"};
    for (const auto& bag : bags) {
        EXPECT_TRUE(c->publish(own + bag, "x")) << bag;
        ASSERT_TRUE(archived("\"bag\":\"" + bag + "\"")) << bag << text("archive");
    }
    EXPECT_EQ(lines(), bags.size());
    EXPECT_THAT(text("archive"), Not(HasSubstr("\"properties\":{\""))) << "nothing is made of half a bag";
    // Octets that are no UTF-8, or NUL, are in no topic: MQTT 3.1.1 1.5.3 has the connection end.
    for (const auto& octets : {"a=\xff"s, "a=\xc0\xaf"s, "a=\xed\xa0\x80"s, "a=\0"s}) {
        auto gone = come("dev-2");
        gone->send(mqtt_publish("devices/dev-2/messages/events/" + octets, "x"));
        EXPECT_TRUE(gone->was_ended());
    }
    // Longer than a hub takes: it is acknowledged, as all that is not allowed, and goes nowhere.
    EXPECT_TRUE(c->publish(own + "a=" + std::string(60'000, 'x'), "x"));
    EXPECT_TRUE(c->publish(own + "n=last", "x"));
    ASSERT_TRUE(archived("\"n\":\"last\"")) << said;
    EXPECT_EQ(lines(), bags.size() + 1);
}

TEST_F(DeviceWords, PropertiesOverHttpsAreText) {
    keep_telemetry();
    const auto& who = holder("dev-1");
    const auto send = [&](const std::vector<std::string>& more) {
        std::vector<std::string> words{"-sS",
                                       "--cacert",
                                       world->server_root().string(),
                                       "--cert",
                                       who.chain.string(),
                                       "--key",
                                       who.key.string(),
                                       "-w",
                                       "\n%{http_code}",
                                       "-X",
                                       "POST"};
        words.insert(words.end(), more.begin(), more.end());
        words.push_back(fmt::format("https://localhost:{}/devices/dev-1/messages/events", world->at("https").port));
        return run_program("/usr/bin/curl", words, 20'000, our_libraries()).all();
    };
    const auto refused = [&](const std::vector<std::string>& more, const std::string& status, const std::string& word) {
        const auto answer = send(more);
        EXPECT_THAT(answer, HasSubstr("\n" + status)) << more.back().substr(0, 80);
        EXPECT_THAT(answer, HasSubstr(word)) << more.back().substr(0, 80);
    };
    for (const char* field :
         {"iothub-app-a: \xff", "iothub-app-a: \xc0\xaf", "iothub-app-a: \xed\xa0\x80", "iothub-messageid: \xfe"}) {
        refused({"-d", "x", "-H", field}, "400", "bad_message");
    }
    refused({"-d", "x", "-H", "iothub-app-: 1"}, "400", "bad_message");
    refused({"-d", "x", "-H", "iothub-app-a: " + std::string(9'000, 'x')}, "413", "too_large");
    const auto many = [&](const std::string& properties) {
        EXPECT_TRUE(app::write_text(at("many"), R"([{"body":"eA==","properties":{"iothub-app-n":"first"}},)"
                                                R"({"body":"eA==","properties":)" +
                                                    properties + "}]"));
        return std::vector<std::string>{"-H", "Content-Type: application/vnd.microsoft.iothub.json", "--data-binary",
                                        "@" + at("many")};
    };
    refused(many(R"({"iothub-app-a":"\u0000"})"), "400", "bad_message");
    refused(many(R"({"iothub-app-\u0000":"a"})"), "400", "bad_message");
    refused(many(R"({"iothub-app-":"a"})"), "400", "bad_message");
    refused(many(R"({"iothub-app-a":1})"), "400", "bad_message");
    refused(many(R"(["a"])"), "400", "bad_message");
    refused(many(R"({"iothub-app-a":"\ud800"})"), "400", "");
    refused(many("{\"iothub-app-a\":\"\xff\"}"), "400", "");
    refused(many(R"({"iothub-app-a":"1","iothub-app-a":"2"})"), "400", "");
    // What looks like an encoding is none, and comes as it is.
    EXPECT_THAT(send({"-d", "x", "-H", "iothub-app-n: 100%zz&b=1"}), HasSubstr("204"));
    ASSERT_TRUE(archived(R"("n":"100%zz&b=1")")) << text("archive");
    EXPECT_EQ(lines(), 1U) << "of several that are refused none is taken\n" << text("archive");
}

TEST_F(DeviceWords, ATwinIsToldWhatIsWrongAndStaysAsItIs) {
    begin();
    auto c = come("dev-1");
    ASSERT_TRUE(c->subscribe("$iothub/twin/res/#"));
    EXPECT_THAT(report(*c, R"({"good":1})"), testing::StartsWith("204"));
    const std::string before = twin("dev-1");
    for (const auto& [body, status, word] : bad_patches()) {
        std::string answer = report(*c, body);
        for (int i = 0; i < 100 && answer.starts_with("429"); ++i) {
            listen(100);  // it asks faster than a device may
            answer = report(*c, body);
        }
        EXPECT_THAT(answer, testing::StartsWith(status)) << body.substr(0, 80);
        EXPECT_THAT(answer, HasSubstr(word)) << body.substr(0, 80);
        const auto read = wire::parse_json_object(answer.substr(4));
        ASSERT_TRUE(read) << answer;
        EXPECT_TRUE(read->contains("errorCode") && read->contains("message")) << answer;
    }
    EXPECT_EQ(twin("dev-1"), before);
    // A question without a number, or with two, has nobody to be answered to; and a number goes back as it came, and no further.
    for (const std::string& rid : {""s, "?"s, "?$rid="s, "?rid=1"s, "?$rid=1&$rid=2"s, "?$rid=a b"s, "?$rid=a+b"s,
                                   "?$rid=" + std::string(129, '1'), "?$rid=\xc3\xa4"s, "?$rid=1&$version=x/y"s, "?$rid=1/"s}) {
        c->send(mqtt_publish("$iothub/twin/PATCH/properties/reported/" + rid, R"({"good":2})", 0));
        c->send(mqtt_publish("$iothub/twin/GET/" + rid, " ", 0));
        if (rid.find('+') != std::string::npos) {
            EXPECT_TRUE(c->was_ended()) << "a wildcard in a topic";
            c = come("dev-1");
            ASSERT_TRUE(c->subscribe("$iothub/twin/res/#"));
        }
    }
    EXPECT_TRUE(c->is_there());
    EXPECT_EQ(twin("dev-1"), before);
    std::string answer = "429";
    for (int i = 0; i < 100 && answer.starts_with("429"); ++i) {
        listen(100);
        answer = told(*c, "$iothub/twin/GET/?$rid=last", " ");
    }
    EXPECT_THAT(answer, HasSubstr(R"("reported":{"good":1,"$version":2})"));
}

TEST_F(DeviceWords, WhatABackEndWishesIsJudgedByTheSameRules) {
    begin();
    const std::string before = twin("dev-1");
    for (const auto& [body, status, word] : bad_patches()) {
        if (body.find("$version") != std::string::npos) {
            continue;  // SDKs send it back as they were told it
        }
        EXPECT_TRUE(app::write_text(at("wish"), R"({"properties":{"desired":)" + body + "}}"));
        const auto answer = run_program(
            "/usr/bin/curl",
            {"-sS", "--cacert", world->server_root().string(), "--cert", world->admin().chain.string(), "--key",
             world->admin().key.string(), "-X", "PATCH", "-H", "Content-Type: application/json", "--data-binary",
             "@" + at("wish"), "-w", "\n%{http_code}", fmt::format("https://localhost:{}/twins/dev-1", world->at("https").port)},
            20'000, our_libraries());
        EXPECT_THAT(answer.all(), HasSubstr("\n400")) << body.substr(0, 80);
        EXPECT_THAT(answer.all(), HasSubstr("\"Message\"")) << body.substr(0, 80);
        if (status == "413") {
            EXPECT_THAT(answer.all(), HasSubstr("twin_too_large"));
        }
    }
    EXPECT_EQ(twin("dev-1"), before);
}

TEST_F(DeviceWords, AnAnswerThatNobodyAskedForIsNobodys) {
    begin(false, "[admin]\nlisten = \"127.0.0.1:0\"\n");
    auto c = come("dev-1"), other = come("dev-2");
    for (auto* one : {c.get(), other.get()}) {
        for (const char* filter : {"$iothub/methods/POST/#", "$iothub/twin/res/#", "$iothub/credentials/res/#"}) {
            ASSERT_TRUE(one->subscribe(filter));
        }
    }
    for (const std::string& topic :
         {"$iothub/methods/res/200/?$rid=1"s, "$iothub/methods/res/200/?$rid=ffffffffffffffff"s,
          "$iothub/methods/res/200/?$rid=10000000000000000"s, "$iothub/methods/res/99999999999/?$rid=1"s,
          "$iothub/methods/res/-1/?$rid=1"s, "$iothub/methods/res/200/?$rid="s, "$iothub/methods/res/200/?$rid=zz"s,
          "$iothub/methods/res//?$rid=1"s, "$iothub/methods/res/200/reboot/?$rid=1"s, "$iothub/methods/res/200/"s,
          "$iothub/methods/POST/reboot/?$rid=1"s, "$iothub/twin/res/200/?$rid=1"s, "$iothub/twin/res/204/?$rid=1&$version=9"s,
          "$iothub/twin/PATCH/properties/desired/?$version=9"s, "$iothub/credentials/res/200/?$rid=1"s,
          "$dps/registrations/res/200/?$rid=1"s, "$dps/registrations/res/202/?$rid=1&retry-after=1"s, "$berth/called"s}) {
        EXPECT_TRUE(c->publish(topic, R"({"status":200})")) << topic;
    }
    // Nobody has heard of it, and both go on: their answers come first.
    EXPECT_THAT(told(*other, "$iothub/twin/GET/?$rid=own", " "), testing::StartsWith("200"));
    EXPECT_THAT(told(*c, "$iothub/twin/GET/?$rid=own", " "), testing::StartsWith("200"));
    EXPECT_THAT(twin("dev-1"), Not(HasSubstr("status\":200")));
    // At the provisioning broker, too: an answer is the hub's to give.
    mqtt_by_hand asks(world->at("provisioning").port, files_of("dev-3"));
    hub::connect_packet p;
    p.client_id = "dev-3";
    p.user_name = fmt::format("{}/registrations/dev-3/api-version=2019-03-31", app::hub_world::id_scope);
    ASSERT_EQ(asks.log_in(got(hub::write_connect(p))), 0) << said;
    ASSERT_TRUE(asks.subscribe("$dps/registrations/res/#"));
    for (const char* topic : {"$dps/registrations/res/200/?$rid=1", "$dps/registrations/res/202/?$rid=1&retry-after=1",
                              "$dps/registrations/PUT/iotdps-register/", "$dps/registrations/PUT/iotdps-register/?$rid=",
                              "$iothub/methods/res/200/?$rid=1", "$dps/registrations/POST/iotdps-register/?$rid=1"}) {
        EXPECT_TRUE(asks.publish(topic, R"({"registrationId":"dev-3"})")) << topic;
    }
    EXPECT_TRUE(asks.is_there());
    // Of an operation that was never begun.
    asks.send(mqtt_publish("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=never", " ", 0));
    const auto answer = asks.next(3);
    ASSERT_TRUE(answer) << said;
    EXPECT_THAT(answer->topic(), testing::StartsWith("$dps/registrations/res/4"));
    EXPECT_THAT(answer->topic(), HasSubstr("$rid=2"));
    EXPECT_TRUE(wire::parse_json_object(answer->payload())) << answer->payload();
    EXPECT_EQ(hub({"device", "show", "dev-3"}).error_name(), "unknown_identity") << "nobody was made known";
}

}  // namespace
}  // namespace berth::test
