#include "hub/method/method.h"

#include "hub/line/line.h"

#include <gtest/gtest.h>

namespace berth::hub {
namespace {

std::string why(std::string_view body) {
    const auto read = method_request::parse(body);
    return read ? "taken" : read.error().name;
}

TEST(Method, ACallIsRead) {
    const auto all = method_request::parse(
        R"({"methodName":"reboot","payload":{"in":[1,null]},"responseTimeoutInSeconds":7,"connectTimeoutInSeconds":300})");
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_EQ(all->name, "reboot");
    EXPECT_EQ(all->payload, R"({"in":[1,null]})");
    EXPECT_EQ(all->answer_within, 7);
    EXPECT_EQ(all->connect_within, 300);
    const auto least = method_request::parse(R"({"methodName":"a","timeoutInSeconds":99})");
    ASSERT_TRUE(least);
    EXPECT_EQ(least->payload, "null") << "the SDKs read JSON from what is empty, too";
    EXPECT_EQ(least->answer_within, 30);
    EXPECT_EQ(least->connect_within, 0);
    EXPECT_EQ(method_request::parse(R"({"methodName":"a","payload":null})")->payload, "null");
}

TEST(Method, ACallThatMeansNothingIsRefused) {
    EXPECT_EQ(why("{}"), "bad_method_request");
    EXPECT_EQ(why(R"({"methodName":7})"), "bad_method_request");
    for (const char* name : {"", "a/b", "a+b", "#", "a b", "a?b", "a&b", "Z\\u00fcrich", "a\\u0000b"}) {
        EXPECT_EQ(why(R"({"methodName":")" + std::string(name) + R"("})"), "bad_method_request") << name;
    }
    EXPECT_EQ(why(R"({"methodName":")" + std::string(100, 'x') + R"("})"), "taken");
    EXPECT_EQ(why(R"({"methodName":")" + std::string(101, 'x') + R"("})"), "bad_method_request");
    for (const char* seconds : {"4", "301", "-1", "5.5", "\"7\"", "99999999999999999999"}) {
        EXPECT_EQ(why(R"({"methodName":"a","responseTimeoutInSeconds":)" + std::string(seconds) + "}"), "bad_method_request")
            << seconds;
    }
    EXPECT_EQ(why(R"({"methodName":"a","connectTimeoutInSeconds":301})"), "bad_method_request");
    EXPECT_NE(why(R"({"methodName":"a","methodName":"b"})"), "taken");
    EXPECT_EQ(why(R"({"methodName":"a","payload":")" + std::string(most_method_payload, 'x') + R"("})"), "too_large");
    EXPECT_NE(why(R"({"methodName":"a","payload":)" + std::string(5'000, '[') + std::string(5'000, ']') + "}"), "taken");
    EXPECT_NE(why("not JSON"), "taken");
}

TEST(Method, TopicsComeBack) {
    EXPECT_EQ(method_topic("reboot", 0x2f), "$iothub/methods/POST/reboot/?$rid=2f");
    const auto read = parse_method_answer("$iothub/methods/res/200/?$rid=ffffffffffffffff");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->status, 200U);
    EXPECT_EQ(read->number, 0xffffffffffffffffU);
    for (const char* topic : {"$iothub/methods/res/200/?$rid=", "$iothub/methods/res//?$rid=1",
                              "$iothub/methods/res/200/?$rid=1g", "$iothub/methods/res/-1/?$rid=1",
                              "$iothub/methods/res/99999999999/?$rid=1", "$iothub/methods/res/200/?$rid=10000000000000000",
                              "$iothub/methods/res/200/?$rid=1&x=2", "$iothub/twin/res/200/?$rid=1", ""}) {
        EXPECT_FALSE(parse_method_answer(topic)) << topic;
    }
}

TEST(Method, WhatTheDeviceSaysIsJsonOrNothing) {
    EXPECT_EQ(method_result(200, R"( {"a": 1} )").value(), R"({"status":200,"payload":{"a":1}})");
    EXPECT_EQ(method_result(404, "").value(), R"({"status":404,"payload":null})");
    EXPECT_EQ(method_result(200, "  ").value(), R"({"status":200,"payload":null})");
    EXPECT_EQ(method_result(200, "done").error().name, "bad_method_answer");
    EXPECT_EQ(method_result(200, std::string(2'000, '[')).error().name, "bad_method_answer");
}

TEST(Line, ACallTravels) {
    line_method_call call;
    call.number = 7;
    call.client = wire::opaque<1, 2 * registry::most_identity_name + 1>(std::string_view("dev1/mod1"));
    call.name = wire::opaque<1, most_method_name>(std::string_view("reboot"));
    call.forget_after = 30;
    const auto octets = wire::encode(call);
    ASSERT_TRUE(octets);
    const auto again = wire::decode<line_method_call>(*octets);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->client.text(), "dev1/mod1");
    EXPECT_EQ(again->forget_after, 30U);
    EXPECT_FALSE(wire::decode<line_method_call>(bytes_view(*octets).first(octets->size() - 1)));
}

}  // namespace
}  // namespace berth::hub
