// What a group's policy grants and withholds.
#include "hub/policy/policy.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace hub;
using registry::group_policy;
using registry::operation_set;

const registry::identity_name dev{"dev1", ""}, mod{"dev1", "mod1"};

group_policy policy_of(std::vector<std::string> publish, std::vector<std::string> subscribe = {},
                       operation_set allowed = operation_set::all()) {
    return {"meters", allowed, std::move(publish), std::move(subscribe)};
}
std::string checked(const group_policy& p) {
    return name_of_error(check_policy(p));
}
bool may(const group_policy& p, direction d, const std::string& topic, const registry::identity_name& who = dev) {
    return judge_topic(p, who, d, topic).allowed;
}

TEST(Policy, OperationsHaveNames) {
    for (size_t i = 0; i < registry::operations; ++i) {
        const auto o = static_cast<operation>(i);
        EXPECT_EQ(registry::operation_from(to_string(o)), o);
    }
    EXPECT_EQ(registry::operation_from("everything"), std::nullopt);
    EXPECT_EQ(operation_set::all().names().size(), registry::operations);
    EXPECT_EQ(operation_set::from(0xffffffff), operation_set::all());
    auto one = operation_set::none();
    one.add(operation::twin);
    EXPECT_EQ(one.names(), std::vector<std::string>{"twin"});
    EXPECT_EQ(operation_set::from(one.number()), one);
}

TEST(Policy, WithoutAnyEverybodyHasHisOwn) {
    const auto p = policy_of({});
    EXPECT_TRUE(may(p, direction::publish, "devices/dev1/messages/events/"));
    EXPECT_TRUE(may(p, direction::subscribe, "$iothub/methods/POST/#"));
    EXPECT_TRUE(may(p, direction::receive, "$iothub/methods/POST/reboot/?$rid=1"));
    EXPECT_FALSE(may(p, direction::publish, "devices/dev2/messages/events/"));
    EXPECT_FALSE(may(p, direction::publish, "site/dev1"));
    EXPECT_FALSE(may(p, direction::subscribe, "#"));
}

TEST(Policy, WithholdsDoors) {
    auto telemetry_alone = operation_set::none();
    telemetry_alone.add(operation::telemetry);
    const auto p = policy_of({}, {}, telemetry_alone);
    EXPECT_TRUE(may(p, direction::publish, "devices/dev1/messages/events/"));
    EXPECT_FALSE(may(p, direction::publish, "$iothub/twin/GET/?$rid=1"));
    EXPECT_FALSE(may(p, direction::subscribe, "$iothub/methods/POST/#"));
    EXPECT_FALSE(may(p, direction::receive, "devices/dev1/messages/devicebound/")) << "also what was subscribed to before";
    EXPECT_EQ(judge_topic(p, dev, direction::publish, "$iothub/twin/GET/?$rid=1").why(p),
              "its own twin, which the policy of group \"meters\" withholds");
}

TEST(Policy, GrantsTopicsBesides) {
    const auto p = policy_of({"site/{device}/up", "log/{device}/#"}, {"site/+/news", "plan/#"});
    EXPECT_TRUE(may(p, direction::publish, "site/dev1/up"));
    EXPECT_TRUE(may(p, direction::publish, "log/dev1/a/b"));
    EXPECT_TRUE(may(p, direction::publish, "log/dev1")) << "MQTT 3.1.1, 4.7.1.2";
    EXPECT_FALSE(may(p, direction::publish, "site/dev2/up"));
    EXPECT_FALSE(may(p, direction::publish, "site/dev1/up/more"));
    EXPECT_FALSE(may(p, direction::publish, "site/dev1"));
    EXPECT_FALSE(may(p, direction::publish, "plan/a")) << "to read is not to write";
    EXPECT_TRUE(may(p, direction::subscribe, "site/+/news"));
    EXPECT_TRUE(may(p, direction::subscribe, "site/north/news"));
    EXPECT_TRUE(may(p, direction::subscribe, "plan/#"));
    EXPECT_TRUE(may(p, direction::subscribe, "plan/+/x"));
    EXPECT_FALSE(may(p, direction::subscribe, "site/#"));
    EXPECT_FALSE(may(p, direction::subscribe, "site/+/+"));
    EXPECT_FALSE(may(p, direction::subscribe, "+/north/news"));
    EXPECT_TRUE(may(p, direction::receive, "site/north/news"));
    EXPECT_FALSE(may(p, direction::receive, "site/north/secret"));
    EXPECT_EQ(judge_topic(p, dev, direction::receive, "plan/a").why(p),
              "granted by \"plan/#\" of the policy of group \"meters\"");
    EXPECT_EQ(judge_topic(p, dev, direction::publish, "x").why(p),
              "not its own, and nothing of the policy of group \"meters\" grants it");
}

TEST(Policy, ModulesHaveTheirOwnNames) {
    const auto p = policy_of({"site/{device}/{module}"});
    EXPECT_TRUE(may(p, direction::publish, "site/dev1/mod1", mod));
    EXPECT_FALSE(may(p, direction::publish, "site/dev1/", dev));
    EXPECT_FALSE(may(p, direction::publish, "site/dev1/{module}", dev));
}

TEST(Policy, GrantsNothingOfTheHubsOwn) {
    EXPECT_EQ(checked(policy_of({"site/{device}/up"}, {"news/#"})), "accepted");
    for (const char* grant : {"#", "+/x", "$iothub/#", "$SYS/#", "devices/{device}/x", "devices", "", "a/#/b", "a+/b",
                              "{device}/#", "{module}/x", "a{device}/x", "a/{x}", "a/{device", "a/}"}) {
        EXPECT_EQ(checked(policy_of({grant})), "bad_policy") << grant;
        EXPECT_EQ(checked(policy_of({}, {grant})), "bad_policy") << grant;
    }
    // Whatever came to be kept all the same.
    const registry::identity_name sly{"devices", ""};
    EXPECT_FALSE(may(policy_of({"{device}/#"}), direction::publish, "devices/dev1/messages/events/", sly));
    EXPECT_FALSE(may(policy_of({}, {"{device}/#"}), direction::subscribe, "devices/#", sly));
    EXPECT_FALSE(may(policy_of({}, {"#"}), direction::subscribe, "#"));
    EXPECT_EQ(checked(policy_of({"a/" + std::string(255, 'b')})), "bad_policy");
    EXPECT_EQ(checked(policy_of(std::vector<std::string>(33, "a"))), "bad_policy");
    auto p = policy_of({});
    p.group = "two words";
    EXPECT_EQ(checked(p), "bad_policy");
    p.group = "";
    EXPECT_EQ(checked(p), "bad_policy");
}

}  // namespace
}  // namespace berth::test
