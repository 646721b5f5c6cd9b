// The custom allocation policy: an operator's program is asked, and may be late, wrong or overtaken.
#include "provisioning_world.h"

#include "hub/carrier/carried.h"
#include "provisioning/mqtt.h"

namespace berth::test {
namespace {

class Webhook : public EnrolledFleet {
protected:
    Webhook() {
        link("far.example");
        fleet = changed(fleet, [](auto& s) {
            s.allocation = allocation_way::webhook;
            s.webhook = "https://a.example/choose";
            s.tags = R"({"a":1})";
        });
    }
    provisioning::webhook_wish wish() {
        auto all = to->take_wishes();
        EXPECT_EQ(all.size(), 1U);
        return all.empty() ? provisioning::webhook_wish{} : all.front();
    }
    // What becomes of dev1 after such an answer.
    std::string after(unsigned code, const std::string& body) {
        now += 20;
        const auto who = device("dev1");
        const std::string operation = text(begin(who, "dev1"), "operationId");
        to->webhook_answered(wish().operation, code, body, now);
        const auto a = status(who, "dev1", operation);
        const auto state = state_of(a);
        return text(a, "status") == "failed" ? "failed " + std::to_string(state.at("errorCode").to_number<uint64_t>())
                                             : text(a, "status") + " " + text(state, "assignedHub");
    }
};

TEST_F(Webhook, IsAskedOnceAndChooses) {
    const auto who = device("dev1");
    const auto begun = begin(who, "dev1", R"({"payload":{"model":"x"}})");
    const auto asked = wish();
    EXPECT_EQ(asked.operation, text(begun, "operationId"));
    EXPECT_EQ(asked.url, "https://a.example/choose");
    const auto body = got(wire::parse_json_object(asked.body));
    EXPECT_EQ(body.at("linkedHubs"), wire::json::value({"far.example", "hub.example"}));
    EXPECT_EQ(text(body.at("enrollmentGroup").as_object(), "enrollmentGroupId"), "fleet");
    const auto& context = body.at("deviceRuntimeContext").as_object();
    EXPECT_EQ(text(context, "registrationId"), "dev1");
    EXPECT_EQ(context.at("payload"), (wire::json::value{{"model", "x"}}));
    EXPECT_FALSE(context.contains("currentIotHubHostName"));
    // SDKs repeat themselves.
    EXPECT_EQ(text(begin(who, "dev1", R"({"payload":{"model":"x"}})"), "operationId"), asked.operation);
    EXPECT_TRUE(to->take_wishes().empty());
    const auto waiting = status(who, "dev1", asked.operation);
    EXPECT_EQ(waiting.status, 200U);
    EXPECT_EQ(text(waiting, "status"), "assigning");
    EXPECT_EQ(text(state_of(waiting), "registrationId"), "dev1");
    EXPECT_TRUE(waiting.retry_after);
    EXPECT_FALSE(known("dev1"));
    to->webhook_answered(asked.operation, 200,
                         R"({"iotHubHostName":"Hub.example","initialTwin":{"tags":{"b":2}},"payload":{"hello":"device"}})", now);
    const auto a = status(who, "dev1", asked.operation);
    EXPECT_EQ(text(a, "status"), "assigned");
    EXPECT_EQ(text(state_of(a), "assignedHub"), "hub.example");
    EXPECT_EQ(state_of(a).at("payload"), (wire::json::value{{"hello", "device"}}));
    EXPECT_EQ(known("dev1")->settings.tags, R"({"b":2})");
    // A second answer is none.
    to->webhook_answered(asked.operation, 200, R"({"iotHubHostName":"far.example"})", now);
    EXPECT_EQ(text(state_of(status(who, "dev1", asked.operation)), "assignedHub"), "hub.example");
    // The next time it is told where the device is.
    now += 20;
    begin(who, "dev1");
    const auto next = got(wire::parse_json_object(wish().body));
    EXPECT_EQ(text(next.at("deviceRuntimeContext").as_object(), "currentIotHubHostName"), "hub.example");
    EXPECT_EQ(text(next.at("deviceRuntimeContext").as_object(), "currentDeviceId"), "dev1");
}

TEST_F(Webhook, AnswersThatAreNone) {
    EXPECT_EQ(after(200, R"({"iotHubHostName":"far.example"})"), "assigned far.example");
    EXPECT_EQ(after(500, R"({"iotHubHostName":"far.example"})"), "failed 400207");
    EXPECT_EQ(after(202, R"({"iotHubHostName":"far.example"})"), "failed 400207");
    EXPECT_EQ(after(200, ""), "failed 400207");
    EXPECT_EQ(after(200, "[]"), "failed 400207");
    EXPECT_EQ(after(200, "{}"), "failed 400207");
    EXPECT_EQ(after(200, R"({"iotHubHostName":"evil.example"})"), "failed 400207") << "not linked";
    EXPECT_EQ(after(200, R"({"iotHubHostName":1})"), "failed 400207");
    EXPECT_EQ(after(200, R"({"iotHubHostName":"hub.example","initialTwin":{"tags":[1]}})"), "failed 400207");
    EXPECT_EQ(after(200, R"({"iotHubHostName":"hub.example","initialTwin":{"properties":{"desired":{"a.b":1}}}})"),
              "failed 400207");
    EXPECT_EQ(after(200, R"({"iotHubHostName":"hub.example","initialTwin":{"properties":{"desired":7}}})"), "failed 400207");
    EXPECT_EQ(after(200, R"({"iotHubHostName":"hub.example","payload":")" + std::string(provisioning::most_webhook_answer, 'a') +
                             "\"}"),
              "failed 400207");
    EXPECT_FALSE(known("dev1"));
    EXPECT_EQ(after(200, R"({"iotHubHostName":"hub.example","initialTwin":{"properties":{"desired":{"a":1}}},"payload":null})"),
              "assigned hub.example");
    EXPECT_EQ(wire::to_text(got(twins->twin_of({"dev1", ""})).desired.properties), R"({"a":1})");
}

TEST_F(Webhook, APayloadHasRoomInAMessageOfABroker) {
    const auto answered = [&](size_t octets) {
        // With its quotation marks.
        return after(200, R"({"iotHubHostName":"hub.example","payload":")" + std::string(octets - 2, 'a') + "\"}");
    };
    EXPECT_EQ(answered(provisioning::most_webhook_payload), "assigned hub.example");
    now += 20;
    const std::string operation = got(records->find_registration("dev1"))->operation;
    const auto told =
        provisioning::answer_mqtt(*to, device("dev1"), "dev1",
                                  "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=" + operation, "", now);
    ASSERT_TRUE(told);
    EXPECT_THAT(told->topic, testing::StartsWith("$dps/registrations/res/200/"));
    EXPECT_GT(told->payload.size(), provisioning::most_webhook_payload);
    EXPECT_LE(told->payload.size(), hub::most_carried_payload);
    EXPECT_EQ(answered(provisioning::most_webhook_payload + 1), "failed 400207");
    // Had it come on record otherwise: one device is told so, and nobody else's messages are lost.
    auto record = *got(records->find_registration("dev1"));
    record.status = registration_status::assigned;
    record.operation = "4.kept";
    record.payload = '"' + std::string(hub::most_carried_payload, 'a') + '"';
    ASSERT_TRUE(records->put(record));
    const auto large = provisioning::answer_mqtt(
        *to, device("dev1"), "dev1", "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=4.kept", "", now);
    ASSERT_TRUE(large);
    EXPECT_THAT(large->topic, testing::StartsWith("$dps/registrations/res/500/"));
    EXPECT_LE(large->payload.size(), hub::most_carried_payload);
}

TEST_F(Webhook, LateUnreachableAndOvertaken) {
    const auto who = device("dev1");
    const std::string first = text(begin(who, "dev1"), "operationId");
    now += settings.webhook_lasts;
    EXPECT_EQ(text(status(who, "dev1", first), "status"), "failed");
    to->webhook_answered(first, 200, R"({"iotHubHostName":"hub.example"})", now);
    EXPECT_EQ(text(status(who, "dev1", first), "status"), "failed") << "too late";
    const std::string second = text(begin(who, "dev1"), "operationId");
    to->webhook_failed(second, {error_category::environment, "unreachable", "no route"}, now);
    EXPECT_EQ(text(status(who, "dev1", second), "status"), "failed");
    // The enrolment was disabled while it was asked.
    now += 20;
    const std::string third = text(begin(who, "dev1"), "operationId");
    changed(fleet, [](auto& s) { s.enabled = false; });
    to->webhook_answered(third, 200, R"({"iotHubHostName":"hub.example"})", now);
    EXPECT_EQ(text(status(who, "dev1", third), "status"), "disabled");
    changed(fleet, [](auto& s) { s.enabled = true; });
    // The device registered again, with something else to say.
    now += 20;
    const std::string fourth = text(begin(who, "dev1"), "operationId");
    const std::string fifth = text(begin(who, "dev1", R"({"payload":1})"), "operationId");
    EXPECT_NE(fourth, fifth);
    to->webhook_answered(fourth, 200, R"({"iotHubHostName":"hub.example"})", now);
    EXPECT_EQ(status(who, "dev1", fourth).status, 404U);
    EXPECT_EQ(text(status(who, "dev1", fifth), "status"), "assigning");
    EXPECT_FALSE(known("dev1"));
    // What waits does not outlive a restart: the device is told to register again.
    start();
    EXPECT_EQ(status(who, "dev1", fifth).status, 404U);
    to->webhook_answered(fifth, 200, R"({"iotHubHostName":"hub.example"})", now);
    EXPECT_FALSE(known("dev1"));
}

}  // namespace
}  // namespace berth::test
