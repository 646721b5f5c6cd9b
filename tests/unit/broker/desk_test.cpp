// A provisioning broker's sessions: whose they are, and which topics are theirs.
#include "desk.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using app::provisioning_desk;
using hub::login_refusal;

constexpr unix_seconds now = 1'800'000'000;
const provisioning_desk::chain some_chain = std::make_shared<const std::vector<bytes>>(std::vector<bytes>{bytes{0x30}});
const int a = 0, b = 0;

hub::judged_chain of(const std::string& name) {
    hub::judged_chain out;
    out.name = registry::identity_name{name, ""};
    out.not_before = now - 10;
    out.not_after = now + 10;
    return out;
}
std::string login(provisioning_desk& desk, const hub::judged_chain& judged, std::string_view id, unix_seconds at = now,
                  const provisioning_desk::chain& chain = some_chain,
                  std::string_view user = "s/registrations/dev1/api-version=2019-03-31") {
    const auto refused = desk.login(&a, id, user, "192.0.2.1", judged, chain, at);
    return refused ? std::string(to_string(refused->reason)) : "in";
}

TEST(desk, lets_in_whose_certificate_says_the_name) {
    provisioning_desk desk;
    EXPECT_EQ(login(desk, of("dev1"), "dev1"), "in");
    EXPECT_EQ(login(desk, of("Dev1"), "dev1"), "in") << "registration ids have no case";
    EXPECT_EQ(login(desk, of("dev2"), "dev1"), "name_mismatch");
    EXPECT_EQ(login(desk, of("dev1"), "dev1/mod1"), "name_mismatch");
    auto module = of("dev1");
    module.name->module = "mod1";
    EXPECT_EQ(login(desk, module, "dev1"), "name_mismatch");
    EXPECT_EQ(login(desk, {}, "dev1"), "certificate_expired") << "nothing was found of it";
    EXPECT_EQ(login(desk, of("dev1"), "dev1", now, nullptr), "no_certificate");
    EXPECT_EQ(login(desk, of("dev1"), "dev1", now + 11), "certificate_expired");
    EXPECT_EQ(login(desk, of("dev1"), "dev1", now - 11), "certificate_not_yet_valid");
    EXPECT_EQ(login(desk, of("dev1"), ""), "bad_name");
    EXPECT_EQ(login(desk, of("dev1"), "dev1", now, some_chain, std::string(1025, 'u')), "bad_user_name");
    for (const auto* user : {"", "dev1", "s/registrations/dev1/", "s/registrations/dev2/api-version=2019-03-31"}) {
        EXPECT_EQ(login(desk, of("dev1"), "dev1", now, some_chain, user), "bad_user_name") << user;
    }
    EXPECT_EQ(desk.sessions(), 0U) << "who is refused has no session, nor the one he had before";
}

TEST(desk, has_topics_for_questions_and_answers_alone) {
    provisioning_desk desk;
    EXPECT_FALSE(desk.may_publish(&a, "$dps/registrations/PUT/iotdps-register/?$rid=1")) << "nobody is there";
    ASSERT_EQ(login(desk, of("dev1"), "dev1"), "in");
    EXPECT_TRUE(desk.may_publish(&a, "$dps/registrations/PUT/iotdps-register/?$rid=1"));
    EXPECT_TRUE(desk.may_publish(&a, "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=2"));
    for (const auto* topic : {"devices/dev1/messages/events/", "$iothub/twin/GET/?$rid=1", "$dps/registrations/res/200/?$rid=1",
                              "$dps/registrations/DELETE/", ""}) {
        EXPECT_FALSE(desk.may_publish(&a, topic)) << topic;
    }
    EXPECT_TRUE(desk.may_subscribe(&a, "$dps/registrations/res/#"));
    for (const auto* filter : {"#", "$dps/#", "$dps/registrations/#", "$dps/registrations/res/+/+", "$SYS/#", "devices/dev1/#"}) {
        EXPECT_FALSE(desk.may_subscribe(&a, filter)) << filter;
    }
    EXPECT_FALSE(desk.may_publish(&b, "$dps/registrations/PUT/iotdps-register/?$rid=1")) << "another session";
    desk.left(&a);
    EXPECT_FALSE(desk.may_subscribe(&a, "$dps/registrations/res/#"));
}

TEST(desk, tells_sessions_of_one_handle_apart) {
    provisioning_desk desk;
    ASSERT_EQ(login(desk, of("dev1"), "dev1"), "in");
    const auto first = desk.number_of(&a);
    const auto question = desk.question(&a, "$dps/registrations/PUT/iotdps-register/?$rid=1", bytes{'{', '}'});
    EXPECT_EQ(question, (hub::carried_message{"dev1",
                                              "s/registrations/dev1/api-version=2019-03-31",
                                              "$dps/registrations/PUT/iotdps-register/?$rid=1",
                                              bytes{'{', '}'},
                                              "192.0.2.1",
                                              {}}));
    EXPECT_EQ(desk.sent_by(&a), some_chain);
    ASSERT_EQ(login(desk, of("dev1"), "dev1"), "in");
    EXPECT_EQ(desk.number_of(&a), first) << "a reload judges the same session again";
    desk.left(&a);
    EXPECT_EQ(desk.number_of(&a), std::nullopt);
    ASSERT_EQ(login(desk, of("dev2"), "dev2", now, some_chain, "s/registrations/dev2/api-version=2019-03-31"), "in");
    EXPECT_NE(desk.number_of(&a), first);
}

TEST(desk, takes_no_more_of_one_device_than_it_needs) {
    using enum provisioning_desk::asking;
    provisioning_desk desk;
    ASSERT_EQ(login(desk, of("dev1"), "dev1"), "in");
    const auto number = *desk.number_of(&a);
    EXPECT_EQ(desk.ask(&a, 0), taken);
    EXPECT_EQ(desk.ask(&a, 0), taken);
    EXPECT_EQ(desk.ask(&a, 0), wait) << "two are on their way";
    desk.answered(&a, number + 1);
    EXPECT_EQ(desk.ask(&a, 0), wait) << "another's answer";
    desk.answered(&a, number);
    EXPECT_EQ(desk.ask(&a, 0), taken);
    ASSERT_EQ(login(desk, of("dev1"), "dev1"), "in");
    EXPECT_EQ(desk.ask(&a, 0), wait) << "a reload forgets nothing";
    for (int i = 6; i < 10; ++i) {
        EXPECT_EQ(desk.ask(&a, 0), wait) << i;
    }
    EXPECT_EQ(desk.ask(&a, 0), too_many);
    EXPECT_EQ(desk.ask(&a, 999), too_many);
    desk.answered(&a, number);
    EXPECT_EQ(desk.ask(&a, 1'000), taken) << "one more each second";
    EXPECT_EQ(desk.ask(&a, 1'000), too_many);
    desk.left(&a);
    desk.answered(&a, number);
}

}  // namespace
}  // namespace berth::test
