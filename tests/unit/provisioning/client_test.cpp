// A device's side of the provisioning service.
#include "provisioning/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::test {
namespace {

using dialogue = provisioning::registration_dialogue;
using testing::HasSubstr;

class ProvisioningClient : public testing::Test {
protected:
    // "METHOD TARGET after N", "HUB DEVICE", or the error's name.
    std::string hears(unsigned status, std::string_view body, std::optional<unsigned> retry_after = {}) {
        const auto out = d.answered(status, body, retry_after);
        if (!out) {
            last = out.error();
            return out.error().name;
        }
        if (const auto* again = std::get_if<dialogue::request>(&*out)) {
            return again->method + " " + again->target + " after " + std::to_string(again->after);
        }
        const auto& where = std::get<dialogue::placement>(*out);
        return where.hub + " " + where.device_id;
    }
    dialogue d{"0ne1", "dev 1"};
    error last;
    static constexpr const char* assigning = R"({"operationId":"4.ab","status":"assigning"})";
    static constexpr const char* begins = "PUT /0ne1/registrations/dev%201/register?api-version=2021-06-01";
    static constexpr const char* asks = "GET /0ne1/registrations/dev%201/operations/4.ab?api-version=2021-06-01";
};

TEST_F(ProvisioningClient, IsToldItsHub) {
    const auto first = d.first();
    EXPECT_EQ(first.method + " " + first.target, begins);
    EXPECT_EQ(first.body, R"({"registrationId":"dev 1"})");
    EXPECT_EQ(hears(202, assigning, 3), std::string(asks) + " after 3");
    EXPECT_EQ(hears(202, assigning), std::string(asks) + " after 2");
    EXPECT_EQ(
        hears(200, R"({"status":"assigned","registrationState":{"assignedHub":"hub.example:8884","deviceId":"dev 1","more":1}})"),
        "hub.example:8884 dev 1");
}

TEST_F(ProvisioningClient, SaysWhatElseTheOperatorWants) {
    EXPECT_EQ(dialogue("s", "d", {{"latencies", wire::json::object{{"a", 1}}}}).first().body,
              R"({"registrationId":"d","payload":{"latencies":{"a":1}}})");
}

TEST_F(ProvisioningClient, ComesAgainWhenItIsToldTo) {
    EXPECT_EQ(hears(429, "", 7), std::string(begins) + " after 7");
    EXPECT_EQ(hears(503, "not json"), std::string(begins) + " after 2");
    EXPECT_EQ(hears(500, "{}", 0), std::string(begins) + " after 1");
    EXPECT_EQ(hears(202, assigning, 1'000'000), std::string(asks) + " after 3600");
    EXPECT_EQ(hears(502, "", 5), std::string(asks) + " after 5");
    EXPECT_EQ(hears(404, R"({"errorCode":404205,"message":"unknown"})"), std::string(begins) + " after 2") << "forgotten: anew";
}

TEST_F(ProvisioningClient, ARefusalHasItsReason) {
    EXPECT_EQ(hears(401, R"({"errorCode":401002,"message":"Unauthorized\nindeed"})"), "provisioning_refused");
    EXPECT_THAT(last.message, HasSubstr("Unauthorized indeed"));
    EXPECT_THAT(last.params, testing::Contains(std::pair<std::string, std::string>("code", "401002")));
    EXPECT_EQ(hears(404, "{}"), "provisioning_refused") << "nothing was begun that could be forgotten";
    EXPECT_EQ(hears(200, R"({"status":"failed","registrationState":{"errorCode":400207,"errorMessage":"no hub"}})"),
              "provisioning_failed");
    EXPECT_THAT(last.message, HasSubstr("no hub"));
    EXPECT_EQ(hears(200, R"({"status":"disabled","registrationState":{}})"), "provisioning_failed");
}

TEST_F(ProvisioningClient, WhatIsNoSuchServiceIsToldApart) {
    for (const char* const bad :
         {"", "<html>", "[]", "{}", R"({"status":"assigning"})", R"({"status":7})", R"({"status":"assigned"})",
          R"({"status":"assigned","registrationState":{"assignedHub":"h"}})", R"({"status":"assigned","registrationState":7})"}) {
        EXPECT_EQ(dialogue("s", "d").answered(200, bad, {}).error().name, "bad_answer") << bad;
    }
    EXPECT_EQ(hears(200, R"({"status":"assigning","operationId":")" + std::string(257, 'x') + "\"}"), "bad_answer");
}

TEST_F(ProvisioningClient, ComesToAnEnd) {
    for (int i = 0; i < 100; ++i) {
        EXPECT_THAT(hears(202, assigning), HasSubstr("GET"));
    }
    EXPECT_EQ(hears(202, assigning), "provisioning_failed");
}

}  // namespace
}  // namespace berth::test
