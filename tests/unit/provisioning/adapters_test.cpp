// MQTT and HTTPS, with the strings that SDKs send and read.
#include "provisioning/https.h"
#include "provisioning/mqtt.h"
#include "provisioning_world.h"

#include <regex>

namespace berth::test {
namespace {

using namespace provisioning;
using Adapters = EnrolledFleet;

constexpr const char* user =
    "scope1/registrations/dev1/api-version=2019-03-31&ClientVersion=azure-iot-provisioning-device%2F1.9.1";
constexpr const char* register_rid = "$dps/registrations/PUT/iotdps-register/?$rid=";
constexpr const char* status_rid = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=";

TEST_F(Adapters, UserNamesOfSdks) {
    const auto parsed = got(parse_mqtt_user(user));
    EXPECT_EQ(parsed.scope, "scope1");
    EXPECT_EQ(parsed.registration_id, "dev1");
    EXPECT_EQ(parsed.api_version, "2019-03-31");
    EXPECT_EQ(got(parse_mqtt_user("0ne0001/registrations/a%3Ab/api-version=x")).registration_id, "a:b");
    for (const char* bad :
         {"", "scope1", "scope1/registrations/dev1", "scope1/registrations/dev1/", "scope1/registrations/dev1/x=y",
          "/registrations/dev1/api-version=x", "scope1/devices/dev1/api-version=x",
          "scope1/registrations/dev1/more/api-version=x", "scope1/registrations/dev%/api-version=x",
          "scope1/registrations/dev%001/api-version=x", "scope1/registrations//api-version=x",
          "scope1/registrations/dev%2F1/api-version=x", "scope1/registrations/dev1/api-version="}) {
        EXPECT_FALSE(parse_mqtt_user(bad)) << bad;
    }
    EXPECT_FALSE(parse_mqtt_user(std::string("scope1/registrations/dev1\0/api-version=x", 40)));
    EXPECT_FALSE(parse_mqtt_user("scope1/registrations/" + std::string(129, 'a') + "/api-version=x"));
    EXPECT_FALSE(parse_mqtt_user(std::string(user) + std::string(1024, 'a')));
}

TEST_F(Adapters, WhoMayConnect) {
    const auto connects = [&](const caller& who, const char* client, bool password = false) {
        return name_of_error(judge_mqtt_connect(*to, who, client, user, password, now));
    };
    auto who = device("dev1");
    who.scope.clear();
    EXPECT_EQ(connects(who, "dev1"), "accepted");
    EXPECT_EQ(connects(who, "DEV1"), "accepted");
    EXPECT_EQ(connects(who, "dev2"), "name_mismatch");
    EXPECT_EQ(connects(who, ""), "name_mismatch");
    EXPECT_EQ(connects(who, "dev1", true), "shared_keys_refused");
    EXPECT_EQ(connects(device("dev2"), "dev1"), "not_enrolled");
    EXPECT_EQ(connects(shows({}), "dev1"), "not_enrolled");
    EXPECT_EQ(name_of_error(judge_mqtt_connect(*to, who, "dev1", "scope2/registrations/dev1/api-version=x", false, now)),
              "not_enrolled");
}

TEST_F(Adapters, TopicsOfSdks) {
    EXPECT_TRUE(may_subscribe("$dps/registrations/res/#"));
    for (const char* bad :
         {"#", "$dps/#", "$dps/registrations/#", "$dps/registrations/res/200/?", "$dps/registrations/PUT/#", ""}) {
        EXPECT_FALSE(may_subscribe(bad)) << bad;
    }
    EXPECT_EQ(parse_mqtt_topic(std::string(register_rid) + "abc-1")->rid, "abc-1");
    const auto polled = parse_mqtt_topic(std::string(status_rid) + "abc&operationId=4.d.e-f");
    EXPECT_EQ(polled->operation, "4.d.e-f");
    EXPECT_EQ(parse_mqtt_topic("$dps/registrations/GET/iotdps-get-operationstatus/?operationId=4.d&$rid=7")->rid, "7");
    EXPECT_TRUE(parse_mqtt_topic(std::string(register_rid) + "1&forceRegistration=true"));
    for (const std::string& bad :
         {std::string(), std::string("$dps/registrations/PUT/iotdps-register/"),
          std::string("$dps/registrations/PUT/iotdps-register/?"), std::string(register_rid), register_rid + std::string("a+"),
          register_rid + std::string("#"), register_rid + std::string("a/b"), register_rid + std::string("a&$rid=b"),
          register_rid + std::string("a&operationId=b"), status_rid + std::string("a"),
          status_rid + std::string("a&operationId="), register_rid + std::string(129, 'a'), register_rid + std::string("a\0", 2),
          std::string("$iothub/twin/GET/?$rid=1"), std::string("devices/dev1/messages/events/")}) {
        EXPECT_FALSE(parse_mqtt_topic(bad)) << bad;
    }
}

// As azure-iot-provisioning-device-mqtt takes answers apart.
TEST_F(Adapters, ARegistrationOverMqtt) {
    static const std::regex answer_topic(R"(\$dps/registrations/res/(.*)/\?\$rid=([^&]*)(&retry-after=([0-9]+))?)");
    const auto who = device("dev1");
    const auto begun = answer_mqtt(*to, who, "dev1", std::string(register_rid) + "r1", R"({"registrationId":"dev1"})", now);
    ASSERT_TRUE(begun);
    std::smatch m;
    ASSERT_TRUE(std::regex_match(begun->topic, m, answer_topic)) << begun->topic;
    EXPECT_EQ(m[1], "202");
    EXPECT_EQ(m[2], "r1");
    EXPECT_EQ(m[4], "2");
    const auto body = got(wire::parse_json_object(begun->payload));
    EXPECT_EQ(text(body, "status"), "assigning");
    const auto done =
        answer_mqtt(*to, who, "dev1", std::string(status_rid) + "r2&operationId=" + text(body, "operationId"), " ", now);
    ASSERT_TRUE(done);
    EXPECT_EQ(done->topic, "$dps/registrations/res/200/?$rid=r2");
    EXPECT_EQ(text(got(wire::parse_json_object(done->payload)), "status"), "assigned");
    const auto refused = answer_mqtt(*to, device("dev2"), "dev1", std::string(register_rid) + "r3", "", now);
    EXPECT_EQ(refused->topic, "$dps/registrations/res/401/?$rid=r3");
    EXPECT_NE(refused->payload, "") << "SDKs crash on an empty one";
    EXPECT_FALSE(answer_mqtt(*to, who, "dev1", "$dps/registrations/res/200/?$rid=1", "", now));
}

TEST_F(Adapters, ARegistrationOverHttps) {
    auto who = device("dev1");
    who.scope.clear();
    const auto ask = [&](const std::string& method, const std::string& path, const std::string& body = "{}") {
        return answer_https(*to, who, {method, path, body}, now);
    };
    const auto begun = ask("PUT", "/scope1/registrations/dev1/register", R"({"registrationId":"dev1"})");
    EXPECT_EQ(begun.status, 202U) << "aziot-identityd takes nothing else";
    EXPECT_TRUE(begun.retry_after);
    const auto done = ask("GET", "/scope1/registrations/dev1/operations/" + text(begun, "operationId"));
    EXPECT_EQ(done.status, 200U);
    EXPECT_EQ(text(done, "status"), "assigned");
    EXPECT_EQ(text(ask("POST", "/scope1/registrations/dev1"), "assignedHub"), "hub.example");
    EXPECT_EQ(ask("PUT", "/scope2/registrations/dev1/register").status, 401U);
    EXPECT_EQ(ask("PUT", "/scope1/registrations/dev2/register").status, 401U);
    EXPECT_EQ(ask("GET", "/scope1/registrations/dev1/register").status, 405U);
    EXPECT_EQ(ask("DELETE", "/scope1/registrations/dev1").status, 405U);
    EXPECT_EQ(ask("PUT", "/scope1/registrations/dev%2F1/register").status, 400U);
    for (const char* path :
         {"", "/", "/scope1", "/scope1/registrations", "/scope1/registrations/", "/scope1/registrations/dev1/",
          "/scope1/registrations/dev1/other", "/scope1/registrations/dev1/register/x", "/scope1/registrations/dev1/operations",
          "//registrations/dev1/register", "/scope1/devices/dev1/register", "/scope1/registrations/dev1%00/register",
          "/scope1/registrations/dev%/register"}) {
        const auto a = ask("PUT", path);
        EXPECT_EQ(a.status, 404U) << path;
        EXPECT_NE(a.text(), "{}") << path;
    }
    EXPECT_TRUE(is_provisioning_path("/scope1/registrations/dev1/register"));
    EXPECT_FALSE(is_provisioning_path("/devices/dev1"));
}

}  // namespace
}  // namespace berth::test
