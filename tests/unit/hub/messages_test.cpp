// Messages to devices: what may be sent, and how MQTT carries it.
#include "hub/messages/bag.h"

#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace registry;

device_message sample() {
    device_message out;
    out.device = "pump-1";
    out.enqueued = test_now;
    out.expires = test_now + message_life;
    out.id = "m/1";
    out.body = bytes{'o', 'n'};
    return out;
}

std::string refused(const device_message& m) {
    const auto checked = hub::check_sendable(m, test_now);
    return checked ? "sent" : checked.error().name;
}

TEST(DeviceMessages, TheTopicIsAsTheSdksReadIt) {
    auto m = sample();
    m.expires = 1'800'000'000;
    m.correlation = "c 2";
    m.content_type = "application/json";
    m.content_encoding = "utf-8";
    m.ack = message_ack::full;
    m.properties = {{"alert", "yes & no"}, {"naïve?", "ü"}};
    EXPECT_EQ(
        hub::message_topic(m),
        "devices/pump-1/messages/devicebound/%24.mid=m%2F1&%24.to=%2Fdevices%2Fpump-1%2Fmessages%2FdeviceBound&%24.cid=c%202&"
        "%24.ct=application%2Fjson&%24.ce=utf-8&%24.exp=2027-01-15T08%3A00%3A00Z&iothub-ack=full&alert=yes%20%26%20no&"
        "na%C3%AFve%3F=%C3%BC");
    EXPECT_EQ(hub::device_of_message(hub::message_topic(m)), "pump-1");
    EXPECT_EQ(hub::message_filter("pump-1"), "devices/pump-1/messages/devicebound/#");
    const auto bag = hub::parse_bag(hub::message_topic(m).substr(hub::message_root("pump-1").size()));
    ASSERT_TRUE(bag);
    EXPECT_EQ(bag->front(), (std::pair<std::string, std::string>("$.mid", "m/1")));
    EXPECT_EQ(bag->back(), m.properties.back());
}

TEST(DeviceMessages, WhoseATopicIs) {
    EXPECT_EQ(hub::device_of_message("devices/d/messages/devicebound/"), "d");
    for (const char* other :
         {"devices/d/messages/devicebound", "devices//messages/devicebound/", "devices/d/messages/events/",
          "devices/d/modules/m/messages/devicebound/", "$iothub/twin/res/200/", "devices/d", "devices/", ""}) {
        EXPECT_FALSE(hub::device_of_message(other)) << other;
    }
}

TEST(DeviceMessages, BagsThatDoNotDecode) {
    EXPECT_TRUE(hub::parse_bag("")->empty());
    EXPECT_EQ(hub::parse_bag("a&b=&c=d=e"), (message_properties{{"a", ""}, {"b", ""}, {"c", "d=e"}}));
    for (const char* bad : {"=x", "a=%", "a=%2", "a=%zz", "a=%00", "%=1", "a=1&&b=2"}) {
        EXPECT_FALSE(hub::parse_bag(bad)) << bad;
    }
}

TEST(DeviceMessages, WhatMayBeSent) {
    EXPECT_EQ(refused(sample()), "sent");
    const auto with = [](const auto& change) {
        auto m = sample();
        change(m);
        return refused(m);
    };
    EXPECT_EQ(with([](auto& m) { m.id = std::string(129, 'i'); }), "bad_message");
    EXPECT_EQ(with([](auto& m) { m.correlation = "a\r\nb"; }), "bad_message");
    EXPECT_EQ(with([](auto& m) { m.content_type = "ü"; }), "bad_message");
    EXPECT_EQ(with([](auto& m) { m.properties = {{"", "x"}}; }), "bad_message");
    EXPECT_EQ(with([](auto& m) { m.properties = {{"$.mid", "x"}}; }), "bad_message");
    EXPECT_EQ(with([](auto& m) { m.properties = {{"iothub-ack", "full"}}; }), "bad_message");
    EXPECT_EQ(with([](auto& m) { m.properties = {{"a", "x"}, {"a", "y"}}; }), "bad_message");
    EXPECT_EQ(with([](auto& m) { m.properties = {{"a", std::string("x\0y", 3)}}; }), "bad_message");
    EXPECT_EQ(with([](auto& m) { m.expires = test_now; }), "bad_message");
    EXPECT_EQ(with([](auto& m) { m.expires = test_now + most_message_life; }), "sent");
    EXPECT_EQ(with([](auto& m) { m.expires = test_now + most_message_life + 1; }), "bad_message");
    EXPECT_EQ(with([](auto& m) { m.body.resize(most_message - m.id.size()); }), "sent");
    EXPECT_EQ(with([](auto& m) { m.body.resize(most_message - m.id.size() + 1); }), "too_large");
    EXPECT_EQ(with([](auto& m) { m.properties = {{"a", std::string(20'000, '+')}}; }), "too_large") << "as %2B it is three times";
}

TEST(DeviceMessages, WhoIsTold) {
    using enum message_ack;
    using enum message_end;
    for (const auto end : {success, expired, delivery_count_exceeded, rejected, purged}) {
        EXPECT_FALSE(wants(none, end));
        EXPECT_TRUE(wants(full, end));
        EXPECT_EQ(wants(positive, end), end == success);
        EXPECT_EQ(wants(negative, end), end != success);
        EXPECT_EQ(message_end_from(to_string(end)), end);
    }
    EXPECT_EQ(message_ack_from("positive"), positive);
    EXPECT_FALSE(message_ack_from("Positive"));
}

}  // namespace
}  // namespace berth::test
