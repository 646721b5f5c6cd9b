// The provisioning service of a hub that berthd keeps: over MQTT by Mosquitto's clients, over HTTPS by curl.
#include "kept_world.h"
#include "net/http_server.h"
#include "net/loop.h"

namespace berth::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Placed : public Kept {
protected:
    // A request over HTTPS, with somebody's certificate: the status, and the body in `told`.
    std::string curl(const app::hub_world::holder& who, const std::string& method, const std::string& path,
                     const std::string& body = "", const std::vector<std::string>& more = {}) {
        std::vector<std::string> words{"-sS",
                                       "--cacert",
                                       world->server_root().string(),
                                       "--cert",
                                       who.chain.string(),
                                       "--key",
                                       who.key.string(),
                                       "-X",
                                       method,
                                       "-o",
                                       at("body"),
                                       "-D",
                                       at("header"),
                                       "-w",
                                       "%{http_code}",
                                       fmt::format("https://localhost:{}{}", world->at("https").port, path)};
        if (!body.empty()) {
            words.insert(words.end(), {"-H", "Content-Type: application/json", "--data-binary", body});
        }
        words.insert(words.end(), more.begin(), more.end());
        fs::remove(at("body"));
        const auto r = run_program("/usr/bin/curl", words, 30'000, our_libraries());
        told = text("body");
        return r.output.empty() ? r.all() : r.output.front();
    }
    [[nodiscard]] wire::json::object body() const { return got(wire::parse_json_object(told)); }
    // Registers over HTTPS and waits for the end: the status of the last answer.
    std::string register_over_https(const std::string& name, const std::string& whose) {
        const std::string path = fmt::format("/{}/registrations/{}", app::hub_world::id_scope, name);
        std::string status =
            curl(holder(whose), "PUT", path + "/register?api-version=2019-03-31", "{\"registrationId\":\"" + name + "\"}");
        const milliseconds until = system_clock().steady() + 60'000;
        while (told.find("\"status\":\"assigning\"") != std::string::npos && system_clock().steady() < until) {
            EXPECT_THAT(text("header"), HasSubstr("Retry-After: ")) << told;
            const std::string operation(body().at("operationId").as_string());
            listen(2'100);
            status = curl(holder(whose), "GET", path + "/operations/" + operation + "?api-version=2019-03-31", "{}");
        }
        return status;
    }
    // A client of the provisioning broker.
    [[nodiscard]] program_result at_provisioning(const std::string& program, const std::string& whose, const std::string& name,
                                                 const std::vector<std::string>& more) const {
        const auto& who = holder(whose);
        std::vector<std::string> words{
            "-h",       "localhost",
            "-p",       std::to_string(world->at("provisioning").port),
            "--cafile", world->server_root().string(),
            "--cert",   who.chain.string(),
            "--key",    who.key.string(),
            "-i",       name,
            "-u",       fmt::format("{}/registrations/{}/api-version=2019-03-31", app::hub_world::id_scope, name)};
        words.insert(words.end(), more.begin(), more.end());
        return run_program("/usr/bin/" + program, words, 20'000, our_libraries());
    }
    std::string told;
};

TEST_F(Placed, OverHttpsADeviceIsMadeKnown) {
    begin();
    EXPECT_EQ(hub({"device", "show", "dev-3"}).error_name(), "unknown_identity");
    EXPECT_EQ(register_over_https("dev-3", "dev-3"), "200") << told << said;
    EXPECT_EQ(body().at("status").as_string(), "assigned");
    const wire::json::object state = body().at("registrationState").as_object();
    EXPECT_EQ(std::string(state.at("assignedHub").as_string()), world->at("mqtt").text());
    EXPECT_EQ(state.at("deviceId").as_string(), "dev-3");
    EXPECT_EQ(hub({"device", "show", "dev-3"}).json().at("status").as_string(), "enabled");
    EXPECT_EQ(publish("dev-3", "devices/dev-3/messages/events/", {"-m", "x"}).exit, 0);
    // The same device, told the same.
    EXPECT_EQ(curl(holder("dev-3"), "POST", fmt::format("/{}/registrations/dev-3", app::hub_world::id_scope), "{}"), "200")
        << told;
    EXPECT_EQ(body().at("deviceId").as_string(), "dev-3");
}

// Over MQTT the whole of it is e2e_azure's.
TEST_F(Placed, EachBrokerHasItsOwnTopics) {
    begin();
    const auto subscribe = [this](const std::string& filter) {
        return at_provisioning("mosquitto_sub", "dev-3", "dev-3", {"-E", "-t", filter}).all();
    };
    EXPECT_THAT(subscribe("$dps/registrations/res/#"), Not(HasSubstr("denied")));
    for (const char* filter :
         {"#", "$dps/#", "$dps/registrations/#", "devices/dev-3/messages/devicebound/#", "$iothub/twin/res/#"}) {
        EXPECT_THAT(subscribe(filter), HasSubstr("denied")) << filter;
    }
    const auto publish_there = [this](const std::string& topic, const std::string& name = "dev-3") {
        return at_provisioning("mosquitto_pub", "dev-3", name, {"-V", "mqttv5", "-d", "-q", "1", "-m", "{}", "-t", topic}).all();
    };
    EXPECT_THAT(publish_there("devices/dev-3/messages/events/"), HasSubstr("RC:135"));
    EXPECT_THAT(publish_there("$dps/registrations/res/200/?$rid=1"), HasSubstr("RC:135"));
    // And at the hub's: $dps.
    const auto words =
        client("mosquitto_pub", "dev-1",
               {"-V", "mqttv5", "-d", "-q", "1", "-m", "{}", "-t", "$dps/registrations/PUT/iotdps-register/?$rid=1"});
    const auto r = run_program(words.front(), {words.begin() + 1, words.end()}, 20'000, our_libraries());
    EXPECT_THAT(r.all(), HasSubstr("RC:135"));
    // Under another's name nobody gets as far as asking.
    EXPECT_THAT(publish_there("$dps/registrations/PUT/iotdps-register/?$rid=1", "dev-2"), Not(HasSubstr("PUBACK")));
    EXPECT_TRUE(eventually([this] { return said.find("\"name_mismatch\"") != std::string::npos; })) << said;
}

TEST_F(Placed, WhatIsDisabledRefuses) {
    begin();
    ASSERT_EQ(hub({"enrolment-group", "set", "fleet", "--status", "disabled"}).exit, 0);
    EXPECT_EQ(register_over_https("dev-3", "dev-3"), "401") << told;
    EXPECT_THAT(told, HasSubstr("errorCode"));
    EXPECT_EQ(hub({"device", "show", "dev-3"}).error_name(), "unknown_identity") << "nothing was made known";
    EXPECT_TRUE(eventually([this] { return said.find("\"enrolment_disabled\"") != std::string::npos; })) << said;
    // One device that is named is let in all the same, and goes before its group.
    ASSERT_EQ(hub({"enrolment", "add", "dev-3", "--certificate", holder("dev-3").chain.string()}).exit, 0)
        << hub({"enrolment", "add", "dev-3", "--certificate", holder("dev-3").chain.string()}).all();
    listen(2'000);
    EXPECT_EQ(register_over_https("dev-3", "dev-3"), "200") << told << said;
}

// The nearest group decides, whatever the one of the root above it says.
TEST_F(Placed, ADisabledGroupUnderAnEnabledOneRefuses) {
    begin();
    const auto line = [this](const char* file) { return (world->directory() / file).string(); };
    ASSERT_EQ(hub({"ca", "register", line("fleet-line-1.pem"), "--name", "line-1", "--key", line("fleet-line-1.key")}).exit, 0);
    ASSERT_EQ(hub({"enrolment-group", "add", "line-1", "--ca", "line-1", "--status", "disabled"}).exit, 0);
    EXPECT_EQ(register_over_https("dev-3", "dev-3"), "401") << told;
    EXPECT_TRUE(eventually([this] { return said.find("\"enrolment_disabled\"") != std::string::npos; })) << said;
    EXPECT_EQ(hub({"device", "show", "dev-3"}).error_name(), "unknown_identity");
    EXPECT_THAT(
        at_provisioning("mosquitto_pub", "dev-3", "dev-3",
                        {"-V", "mqttv5", "-d", "-q", "1", "-m", "{}", "-t", "$dps/registrations/PUT/iotdps-register/?$rid=1"})
            .all(),
        Not(HasSubstr("RC:135")))
        << "it may ask";
    EXPECT_EQ(hub({"device", "show", "dev-3"}).error_name(), "unknown_identity") << "and is told no";
    ASSERT_EQ(hub({"enrolment-group", "set", "line-1", "--status", "enabled"}).exit, 0);
    listen(2'000);
    EXPECT_EQ(register_over_https("dev-3", "dev-3"), "200") << told << said;
}

TEST_F(Placed, EnrolmentsAreForAdministrators) {
    begin();
    const std::string group =
        R"({"enrollmentGroupId":"g","attestation":{"type":"x509","x509":{"caReferences":{"primary":"fleet"}}}})";
    EXPECT_EQ(curl(holder("dev-1"), "GET", "/enrollmentGroups/fleet?api-version=2021-10-01"), "401");
    EXPECT_EQ(curl(holder("dev-1"), "PUT", "/enrollmentGroups/g?api-version=2021-10-01", group), "401");
    EXPECT_EQ(curl(world->admin(), "GET", "/enrollmentGroups/fleet?api-version=2021-10-01"), "200") << told;
    EXPECT_EQ(body().at("enrollmentGroupId").as_string(), "fleet");
    EXPECT_THAT(text("header"), HasSubstr("ETag: "));
    EXPECT_EQ(curl(world->admin(), "DELETE", "/enrollmentGroups/fleet?api-version=2021-10-01", "", {"-H", "If-Match: \"wrong\""}),
              "412")
        << told;
    EXPECT_EQ(curl(world->admin(), "DELETE", "/enrollmentGroups/fleet?api-version=2021-10-01"), "204") << told;
    EXPECT_EQ(curl(world->admin(), "GET", "/enrollmentGroups/fleet?api-version=2021-10-01"), "404") << told;
    EXPECT_EQ(register_over_https("dev-3", "dev-3"), "401") << told;
}

TEST_F(Placed, AWebhookChooses) {
    begin();
    net::loop loop;
    std::string asked;
    auto router = std::make_shared<net::http_router>();
    router->add("POST", "/choose", [&](const net::http_request& request) {
        asked = request.body;
        return net::http_response::text(
            200,
            fmt::format(R"({{"iotHubHostName":"{}","initialTwin":{{"tags":{{"chosen":"yes"}}}}}})", world->at("mqtt").text()),
            "application/json");
    });
    const auto server = got(net::http_server::listen(loop, {"127.0.0.1", 0}, net::plain_http{}, router, system_clock()));
    std::thread serving([&loop] { loop.run(); });
    EXPECT_EQ(hub({"enrolment-group", "set", "fleet", "--allocation", "webhook", "--webhook",
                   fmt::format("http://127.0.0.1:{}/choose", server->port())})
                  .exit,
              0);
    EXPECT_EQ(register_over_https("dev-3", "dev-3"), "200") << told << said;
    EXPECT_EQ(body().at("status").as_string(), "assigned") << told;
    loop.stop();
    serving.join();
    EXPECT_THAT(asked, HasSubstr("\"registrationId\":\"dev-3\""));
    EXPECT_THAT(hub({"device", "show", "dev-3"}).all(), HasSubstr("chosen"));
    // One that nobody answers for has failed, and says so.
    EXPECT_EQ(hub({"enrolment-group", "set", "fleet", "--reprovision", "reset"}).exit, 0);
    listen(10'100);
    EXPECT_EQ(register_over_https("dev-3", "dev-3"), "200") << told << said;
    EXPECT_EQ(body().at("status").as_string(), "failed") << told;
}

}  // namespace
}  // namespace berth::test
