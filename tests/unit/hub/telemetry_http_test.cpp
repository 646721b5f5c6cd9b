#include "hub/telemetry/telemetry_http.h"

#include <gtest/gtest.h>

namespace berth::hub {
namespace {

using fields = std::vector<std::pair<std::string, std::string>>;

std::string why(const result<std::vector<sent_telemetry>>& read) {
    return read ? "taken" : read.error().name;
}
result<std::vector<sent_telemetry>> several(std::string_view body) {
    return read_telemetry(many_messages_type, fields{{"iothub-app-x", "of none of them"}}, body);
}

TEST(TelemetryHttp, OneHasItsPropertiesInTheHeader) {
    const auto read = read_telemetry("application/json",
                                     fields{{"Host", "h"},
                                            {"Authorization", "secret"},
                                            {"IoTHub-MessageId", "m-1"},
                                            {"iothub-contenttype", "application/json"},
                                            {"iothub-app-Alert", "yes & no"},
                                            {"iothub-to", "/devices/x/messages/events"}},
                                     "{}");
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->size(), 1U);
    EXPECT_EQ(read->front().bag, "%24.mid=m-1&%24.ct=application%2Fjson&Alert=yes%20%26%20no");
    EXPECT_EQ(as_text(read->front().payload), "{}");
    EXPECT_EQ(why(read_telemetry("", fields{{"iothub-app-", "x"}}, "")), "bad_message");
    EXPECT_EQ(why(read_telemetry("", fields{{"iothub-app-x", std::string(600, 'x')}}, "")), "too_large");
    for (const char* no_text : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "a\xc3"}) {
        EXPECT_EQ(why(read_telemetry("", fields{{"iothub-app-x", no_text}}, "")), "bad_message");
    }
    EXPECT_EQ(why(read_telemetry("", {}, "")), "taken") << "a message may be empty";
}

TEST(TelemetryHttp, SeveralHaveThemBesideTheirBodies) {
    const auto read =
        several(R"([{"body":"YQ=="},{"body":"","properties":{"iothub-app-a":"1","iothub-messageid":"2","other":"3"}}])");
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->size(), 2U);
    EXPECT_EQ(as_text(read->at(0).payload), "a");
    EXPECT_EQ(read->at(0).bag, "");
    EXPECT_EQ(read->at(1).bag, "a=1&%24.mid=2");
    for (const char* body :
         {"", "{}", "[]", "[1]", "[{}]", R"([{"body":7}])", R"([{"body":"YQ==","properties":[]}])",
          R"([{"body":"YQ==","properties":{"iothub-app-a":1}}])", R"([{"body":"YQ==","properties":{"iothub-app-a":"\u0000"}}])",
          R"([{"body":"YQ==","properties":{"iothub-app-\u0000":"a"}}])", R"([{"body":"%"}])"}) {
        EXPECT_NE(why(several(body)), "taken") << body;
    }
    std::string many = "[";
    for (size_t i = 0; i <= most_telemetry_messages; ++i) {
        many += R"({"body":""},)";
    }
    many.back() = ']';
    EXPECT_EQ(why(several(many)), "too_many_messages");
}

}  // namespace
}  // namespace berth::hub
