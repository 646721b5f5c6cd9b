// Which topics are a device's own.
#include "hub/topics/topics.h"

#include <gtest/gtest.h>

namespace berth::test {
namespace {

using namespace hub;

const registry::identity_name dev{"dev1", ""}, mod{"dev1", "mod1"};

std::string text(std::optional<operation> o) {
    return o ? std::string(to_string(*o)) : "refused";
}

TEST(Topics, WhatTheSdksPublishTo) {
    EXPECT_EQ(text(may_publish(dev, "devices/dev1/messages/events/")), "telemetry");
    EXPECT_EQ(text(may_publish(dev, "devices/dev1/messages/events")), "telemetry");
    EXPECT_EQ(text(may_publish(dev, "devices/dev1/messages/events/%24.mid=1&%24.ct=application%2Fjson&alert=yes")), "telemetry");
    EXPECT_EQ(text(may_publish(mod, "devices/dev1/modules/mod1/messages/events/a=b")), "telemetry");
    EXPECT_EQ(text(may_publish(dev, "$iothub/twin/GET/?$rid=1")), "twin");
    EXPECT_EQ(text(may_publish(mod, "$iothub/twin/PATCH/properties/reported/?$rid=2")), "twin");
    EXPECT_EQ(text(may_publish(dev, "$iothub/methods/res/200/?$rid=3")), "methods");
    EXPECT_EQ(text(may_publish(dev, "$iothub/credentials/POST/issueCertificate/?$rid=4")), "credentials");
}

TEST(Topics, WhatTheySubscribeTo) {
    EXPECT_EQ(text(may_subscribe(dev, "devices/dev1/messages/devicebound/#")), "cloud-to-device");
    EXPECT_EQ(text(may_subscribe(dev, "$iothub/twin/res/#")), "twin");
    EXPECT_EQ(text(may_subscribe(dev, "$iothub/twin/PATCH/properties/desired/#")), "twin");
    EXPECT_EQ(text(may_subscribe(mod, "$iothub/methods/POST/#")), "methods");
    EXPECT_EQ(text(may_subscribe(dev, "$iothub/credentials/res/#")), "credentials");
}

TEST(Topics, WhatComesToThem) {
    EXPECT_EQ(text(may_receive(dev, "devices/dev1/messages/devicebound/%24.mid=1")), "cloud-to-device");
    EXPECT_EQ(text(may_receive(dev, "$iothub/twin/res/200/?$rid=1")), "twin");
    EXPECT_EQ(text(may_receive(dev, "$iothub/twin/PATCH/properties/desired/?$version=4")), "twin");
    EXPECT_EQ(text(may_receive(dev, "$iothub/methods/POST/reboot/?$rid=1")), "methods");
    EXPECT_EQ(text(may_receive(dev, "devices/dev2/messages/devicebound/x")), "refused");
    EXPECT_EQ(text(may_receive(dev, "devices/dev1/messages/events/")), "refused");
    EXPECT_EQ(text(may_receive(mod, "devices/dev1/messages/devicebound/x")), "refused");
}

TEST(Topics, NothingOfOthersAndNothingElse) {
    for (const char* topic : {"devices/dev2/messages/events/",
                              "devices/dev1/modules/mod1/messages/events/",
                              "devices/dev10/messages/events/",
                              "devices/dev1/messages/events/a/b",
                              "devices/dev1/messages/devicebound/x",
                              "devices/DEV1/messages/events/",
                              "devices//messages/events/",
                              "/devices/dev1/messages/events/",
                              "devices/dev1/messages/eventsX",
                              "devices/+/messages/events/",
                              "devices/dev1/messages/events/#",
                              "$SYS/broker/uptime",
                              "$dps/registrations/PUT/iotdps-register/?$rid=1",
                              "anything",
                              "",
                              "$iothub/twin/res/200/?$rid=1",
                              "$iothub/twin/PATCH/properties/desired/?$version=1",
                              "$iothub/methods/POST/reboot/?$rid=1",
                              "$iothub/methods/res/",
                              "$iothub/methods/res/200",
                              "$iothub/methods/res//?$rid=1",
                              "$iothub/methods/res/2x/?$rid=1",
                              "$iothub/methods/res/200/a/b",
                              "$iothub/twin/GET/a/b",
                              "$iothub/twin/PATCH/properties/desired/",
                              "$iothub/"}) {
        EXPECT_EQ(text(may_publish(dev, topic)), "refused") << topic;
    }
    EXPECT_EQ(text(may_publish(mod, "devices/dev1/messages/events/")), "refused") << "a module is not its device";
    EXPECT_EQ(text(may_publish(dev, "devices/dev1/messages/events/" + std::string(most_topic, 'x'))), "refused");
    for (const char* filter : {"#",
                               "+",
                               "+/#",
                               "devices/#",
                               "devices/+/messages/devicebound/#",
                               "devices/dev2/messages/devicebound/#",
                               "devices/dev1/messages/devicebound/+",
                               "devices/dev1/messages/devicebound/",
                               "devices/dev1/#",
                               "devices/dev1/messages/#",
                               "devices/dev1/messages/events/#",
                               "$iothub/#",
                               "$iothub/twin/#",
                               "$iothub/+/res/#",
                               "$iothub/twin/res/200/#",
                               "$SYS/#",
                               "$share/g/$iothub/twin/res/#",
                               "$dps/registrations/res/#",
                               "devices/dev1/modules/+/#",
                               "",
                               "/#",
                               "$iothub/methods/res/#",
                               "$iothub/twin/GET/#",
                               "berth/#"}) {
        EXPECT_EQ(text(may_subscribe(dev, filter)), "refused") << filter;
        EXPECT_EQ(text(may_subscribe(mod, filter)), "refused") << filter;
    }
    EXPECT_EQ(text(may_subscribe(mod, "devices/dev1/messages/devicebound/#")), "refused");
}

TEST(Topics, NamesCannotReachIntoOtherTopics) {
    // Characters that a name may have and that mean something elsewhere.
    const registry::identity_name odd{"a%2F$b", ""};
    EXPECT_EQ(text(may_publish(odd, "devices/a%2F$b/messages/events/")), "telemetry");
    EXPECT_EQ(text(may_publish(odd, "devices/a/$b/messages/events/")), "refused");
}

TEST(Topics, TellOfWhatWasToBeRetained) {
    EXPECT_EQ(with_retain_told("devices/d/messages/events"), "devices/d/messages/events/mqtt-retain=true");
    EXPECT_EQ(with_retain_told("devices/d/messages/events/"), "devices/d/messages/events/mqtt-retain=true");
    EXPECT_EQ(with_retain_told("devices/d/messages/events/a=b"), "devices/d/messages/events/a=b&mqtt-retain=true");
}

}  // namespace
}  // namespace berth::test
