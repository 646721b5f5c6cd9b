#include "hub/telemetry/telemetry_json.h"

#include "wire/json.h"

#include <gmock/gmock.h>

namespace berth::hub {
namespace {

wire::json::object told(std::string_view topic, std::string_view payload) {
    return wire::parse_json_object(to_json({7, 1'763'910'000'045, topic, as_bytes(payload)})).value();
}

TEST(TelemetryJson, HasWhoWhenAndWhat) {
    const auto m = told("devices/dev1/messages/events/%24.mid=m-1&%24.ct=application%2Fjson&%24.ce=utf-8&alert=yes%20%26%20no",
                        R"({"level":7})");
    EXPECT_EQ(wire::to_text(m),
              R"({"number":7,"time":"2025-11-23T15:00:00.045Z","deviceId":"dev1","moduleId":"",)"
              R"("systemProperties":{"messageId":"m-1","contentType":"application/json","contentEncoding":"utf-8"},)"
              R"("properties":{"alert":"yes & no"},"body":{"level":7}})");
    const auto other = told("devices/dev1/modules/mod1/messages/events/", "\x01\x02");
    EXPECT_EQ(other.at("moduleId").as_string(), "mod1");
    EXPECT_EQ(other.at("bodyBase64").as_string(), "AQI=");
    EXPECT_EQ(told("devices/dev1/messages/events", "").at("bodyBase64").as_string(), "");
    EXPECT_EQ(told("devices/dev1/messages/events/?a=1&b&a=2", "").at("properties"),
              wire::parse_json(R"({"a":"2","b":""})").value());
}

TEST(TelemetryJson, WhatIsNoJsonIsToldAsItIs) {
    constexpr std::string_view says_json = "devices/dev1/messages/events/%24.ct=application%2Fjson";
    EXPECT_EQ(told(says_json, "{").at("bodyBase64").as_string(), "ew==");
    EXPECT_EQ(told(says_json, R"({"a":1,"a":2})").at("bodyBase64").as_string(), "eyJhIjoxLCJhIjoyfQ==");
    const std::string deep = std::string(32, '[') + std::string(32, ']');
    EXPECT_TRUE(told(says_json, deep).contains("bodyBase64")) << "what it becomes part of must be read, too";
    EXPECT_TRUE(told(says_json, deep.substr(1, 62)).contains("body"));
    EXPECT_TRUE(told(says_json, "1,2").contains("bodyBase64"));
    EXPECT_EQ(told(says_json, "").at("bodyBase64").as_string(), "");
}

TEST(TelemetryJson, ABagThatDoesNotDecodeIsToldAsItCame) {
    for (const char* bag : {"a=%", "a=%zz", "=1", "a=1&%00=2", "a=%ff", "a=1&&b=2"}) {
        const auto m = told("devices/dev1/messages/events/" + std::string(bag), "x");
        EXPECT_EQ(m.at("bag").as_string(), bag);
        EXPECT_TRUE(m.at("properties").as_object().empty()) << bag;
        EXPECT_EQ(m.at("deviceId").as_string(), "dev1");
    }
    EXPECT_EQ(told("devices/dev1/messages/events/a=\xff", "x").at("bag").as_string(), "a%3D%FF");
}

TEST(TelemetryJson, ANameThatIsNoTextIsNobodys) {
    const auto m = told("devices/dev1/modules/\xd3\xd3/messages/events/a=1", "x");
    EXPECT_EQ(m.at("deviceId").as_string(), "");
    EXPECT_EQ(m.at("moduleId").as_string(), "");
    EXPECT_NE(m.at("bag").as_string().find("%D3%D3"), std::string_view::npos);
}

TEST(TelemetryJson, OtherTopicsAreNobodys) {
    for (const char* topic : {"", "devices/", "devices//messages/events/", "devices/dev1", "devices/dev1/messages/eventsx",
                              "devices/dev1/messages/devicebound/", "$iothub/twin/GET/?$rid=1", "site/1"}) {
        EXPECT_FALSE(read_telemetry_topic(topic)) << topic;
    }
}

}  // namespace
}  // namespace berth::hub
