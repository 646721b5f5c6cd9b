// Messages to devices over HTTPS: back ends send them, devices receive them by their certificates.
#include "messages_world.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

class MessagesOverHttps : public MessageWorld {
protected:
    [[nodiscard]] std::string lock() const {
        const std::string head = text("head");
        const size_t from = head.find("ETag: \"");
        return from == std::string::npos ? "none" : head.substr(from + 7, head.find('"', from + 7) - from - 7);
    }
    [[nodiscard]] wire::json::object body() const { return got(wire::parse_json_object(text("body"))); }
    const std::string queue_path = "/devices/dev-1/messages/deviceBound";
};

TEST_F(MessagesOverHttps, AreReceivedCompletedRejectedAndAbandoned) {
    begin();
    const auto& device = holder("dev-1");
    EXPECT_EQ(curl(device, {}, queue_path), "204");
    EXPECT_EQ(curl(world->admin(),
                   {"-X", "POST", "-H", "iothub-messageid: id-1", "-H", "iothub-correlationid: c", "-H", "iothub-ack: full", "-H",
                    "iothub-app-Alert: yes", "-H", "Content-Type: application/json", "--data-binary", "{\"on\":1}"},
                   queue_path),
              "201");
    EXPECT_TRUE(body().contains("sequenceNumber"));
    send("dev-1", "2", {"--ack", "full"});
    EXPECT_EQ(curl(device, {}, queue_path), "200");
    EXPECT_EQ(text("body"), "{\"on\":1}");
    for (const char* field : {"iothub-messageid: id-1", "iothub-correlationid: c", "iothub-app-Alert: yes", "iothub-expiry: 20",
                              "Content-Type: application/json", "iothub-deliverycount: 1"}) {
        EXPECT_THAT(text("head"), HasSubstr(field));
    }
    const std::string first = lock();
    // As the SDKs write the path.
    EXPECT_EQ(curl(device, {}, "/devices/dev-1/messages/devicebound?api-version=2021-04-12"), "200");
    EXPECT_EQ(text("body"), "2");
    const std::string second = lock();
    EXPECT_EQ(curl(device, {}, queue_path), "204") << "both are given";
    EXPECT_EQ(curl(device, {"-X", "POST"}, queue_path + "/" + second + "/abandon"), "204");
    EXPECT_EQ(queue("dev-1"), "1:invisible:1 2:enqueued:1 ");
    EXPECT_EQ(curl(device, {"-X", "DELETE"}, queue_path + "/" + first), "204");
    EXPECT_EQ(curl(device, {"-X", "DELETE"}, queue_path + "/" + first), "412");
    EXPECT_THAT(text("body"), HasSubstr("DeviceMessageLockLost"));
    EXPECT_EQ(curl(device, {}, queue_path), "200");
    EXPECT_EQ(curl(device, {"-X", "DELETE"}, queue_path + "/" + lock() + "?reject&api-version=2021-04-12"), "204");
    EXPECT_EQ(feedback(), "1:Success 2:Rejected ");
}

TEST_F(MessagesOverHttps, AreTheDevicesOwn) {
    begin();
    send("dev-1", "1");
    EXPECT_EQ(curl(holder("dev-2"), {}, queue_path), "401") << "another device's";
    EXPECT_EQ(curl(world->admin(), {}, queue_path), "401") << "a back end sends, and does not receive";
    EXPECT_EQ(curl(holder("dev-1"), {"-X", "POST", "--data-binary", "x"}, queue_path), "401") << "nor does a device send";
    EXPECT_EQ(curl(holder("dev-1"), {"-X", "DELETE"}, "/devices/dev-1/commands"), "401");
    EXPECT_EQ(curl(holder("dev-1"), {}, "/messages/serviceBound/feedback"), "401");
    EXPECT_EQ(hub({"policy", "set", "default", "--allow", "telemetry"}).exit, 0);
    EXPECT_EQ(curl(holder("dev-1"), {}, queue_path), "401") << "the policy withholds it";
    EXPECT_EQ(hub({"policy", "set", "default", "--allow", "cloud-to-device"}).exit, 0);
    EXPECT_EQ(curl(holder("dev-1"), {}, queue_path), "200");
    EXPECT_EQ(hub({"device", "disable", "dev-1"}).exit, 0);
    EXPECT_EQ(curl(holder("dev-1"), {"-X", "DELETE"}, queue_path + "/" + lock()), "401");
    EXPECT_EQ(queue("dev-1"), "1:invisible:1 ");
}

TEST_F(MessagesOverHttps, BackEndsAreToldWhatIsWrong) {
    begin();
    const auto post = [this](const std::string& path, std::vector<std::string> more) {
        more.insert(more.begin(), {"-X", "POST"});
        return curl(world->admin(), more, path);
    };
    EXPECT_EQ(post("/devices/nobody/messages/deviceBound", {"--data-binary", "x"}), "404");
    EXPECT_EQ(post(queue_path, {"-H", "iothub-expiry: 2020-01-01T00:00:00Z", "--data-binary", "x"}), "400");
    EXPECT_EQ(post(queue_path, {"-H", "iothub-expiry: tomorrow", "--data-binary", "x"}), "400");
    EXPECT_EQ(post(queue_path, {"-H", "iothub-ack: perhaps", "--data-binary", "x"}), "400");
    EXPECT_TRUE(app::write_text(at("large"), std::string(65'537, 'x')));
    EXPECT_EQ(post(queue_path, {"--data-binary", "@" + at("large")}), "413");
    EXPECT_TRUE(app::write_text(at("large"), std::string(65'530, 'x')));
    EXPECT_EQ(post(queue_path, {"-H", "iothub-app-more: 0123456789", "--data-binary", "@" + at("large")}), "413");
    for (int i = 0; i < 50; ++i) {
        ASSERT_EQ(post(queue_path, {"--data-binary", std::to_string(i)}), "201");
    }
    EXPECT_EQ(post(queue_path, {"--data-binary", "x"}), "403");
    EXPECT_THAT(text("body"), HasSubstr("DeviceMaximumQueueDepthExceeded"));
    EXPECT_EQ(curl(world->admin(), {"-X", "DELETE"}, "/devices/dev-1/commands"), "200");
    EXPECT_EQ(body().at("totalMessagesPurged").to_number<int>(), 50);
}

TEST_F(MessagesOverHttps, FeedbackIsReceivedUnderALock) {
    begin();
    const std::string path = "/messages/serviceBound/feedback";
    EXPECT_EQ(curl(world->admin(), {}, path), "204");
    send("dev-1", "1", {"--ack", "negative"});
    EXPECT_EQ(curl(world->admin(), {"-X", "DELETE"}, "/devices/dev-1/commands"), "200");
    EXPECT_EQ(curl(world->admin(), {}, path), "200");
    const auto told = got(wire::parse_json(text("body"))).as_array();
    ASSERT_EQ(told.size(), 1U);
    const auto& one = told[0].as_object();
    EXPECT_EQ(one.at("originalMessageId").as_string(), "id-1");
    EXPECT_EQ(one.at("statusCode").as_string(), "Purged");
    EXPECT_EQ(one.at("deviceId").as_string(), "dev-1");
    EXPECT_EQ(one.at("deviceGenerationId").as_string(), hub({"device", "show", "dev-1"}).json().at("generationId").as_string());
    EXPECT_EQ(curl(world->admin(), {}, path), "204") << "it is locked";
    const std::string token = [this] {
        curl(world->admin(), {"-X", "GET"}, "/openapi.json");
        return text("body");
    }();
    EXPECT_THAT(token, HasSubstr("/messages/serviceBound/feedback/{lock}/abandon"));
}

TEST_F(MessagesOverHttps, FeedbackIsAbandonedAndCompleted) {
    begin();
    const std::string path = "/messages/serviceBound/feedback";
    send("dev-1", "1", {"--ack", "full"});
    EXPECT_EQ(hub({"message", "purge", "dev-1"}).exit, 0);
    EXPECT_EQ(curl(world->admin(), {}, path), "200");
    const std::string first = lock();
    EXPECT_EQ(curl(world->admin(), {"-X", "POST"}, path + "/" + first + "/abandon"), "204");
    EXPECT_EQ(curl(world->admin(), {"-X", "DELETE"}, path + "/" + first), "412");
    EXPECT_EQ(curl(world->admin(), {}, path), "200");
    EXPECT_EQ(curl(world->admin(), {"-X", "DELETE"}, path + "/" + lock()), "204");
    EXPECT_EQ(curl(world->admin(), {}, path), "204");
    EXPECT_EQ(hub({"message", "feedback"}).output.at(0), "[]");
}

}  // namespace
}  // namespace berth::test
