// S12 by a profile of a directory of CAs: what berth ca does to its records reaches what was onboarded, and the other way round.
#include "issuing_world.h"

namespace berth::test {
namespace {

constexpr const char* profiles = R"(
[[profile]]
name = "onboarded"
authority = "ca"
requires = ["idevid"]
subject = "O=Birch,serialNumber={serial}"
names_maker = true
keys = ["p256", "mldsa65", "mlkem768_p256"]
lifetime = "30d"
extended_key_usages = ["clientAuth"]
[[profile]]
name = "renewed"
authority = "ca"
requires = ["ldevid"]
subject = "O=Birch,serialNumber={serial}"
names_maker = true
keys = ["p256"]
lifetime = "30d"
extended_key_usages = ["clientAuth"]
[[profile]]
name = "server"
authority = "ca"
requires = ["idevid"]
subject = "serialNumber={serial}"
names_maker = true
keys = ["p256"]
lifetime = "30d"
extended_key_usages = ["clientAuth", "serverAuth"]
[[profile]]
name = "signing"
authority = "ca"
requires = ["idevid"]
subject = "O=Birch,serialNumber={serial}"
names_maker = true
keys = ["p256"]
lifetime = "30d"
extended_key_usages = ["clientAuth"]
[[profile]]
name = "once"
authority = "ca"
requires = ["idevid"]
subject = "O=Birch,serialNumber={serial}"
names_maker = true
keys = ["p256"]
lifetime = "30d"
extended_key_usages = ["clientAuth"]
most_at_once = 1
)";

class DirectoryCa : public issuing_world {
protected:
    static void SetUpTestSuite() {
        begin({"Birch"});
        ASSERT_TRUE(app::write_text(ca_directory() / "ca.toml", profiles));
        name_ca(fmt::format("directory = \"{}\"\nprofile = \"onboarded\"\n", ca_directory().string()));
        ASSERT_TRUE(reload("Birch")) << all_heard("Birch");
        const auto checked = run_program("berthd", {"--json", "check", world->config("Birch").string()});
        ASSERT_EQ(checked.exit, 0) << checked.all();
    }
    static app::device_order order(const std::string& serial) {
        auto out = world->order_for(serial, "Birch");
        out.credentials = {{"device", "p256"}, {"device-kem", "mlkem768_p256"}};
        return out;
    }
};

TEST_F(DirectoryCa, IssuesByProfileOnTheIdevidAndItsLogHasIt) {
    const auto bundle = make(order("D-1"), "Birch");
    const auto done = onboard(bundle);
    ASSERT_EQ(done.exit, 0) << done.all() << all_heard("Birch");
    const auto entries = log_of("D-1");
    ASSERT_EQ(entries.size(), 2u) << "one for each key, the KEM's too";
    for (const auto& entry : entries) {
        EXPECT_THAT(entry, testing::HasSubstr("\"proofs\":\"idevid\""));
        EXPECT_THAT(entry, testing::HasSubstr("\"profile\":\"onboarded\""));
        EXPECT_THAT(entry, testing::HasSubstr("\"good\""));
    }
    EXPECT_THAT(entries[0] + entries[1], testing::HasSubstr(installed(bundle, "device").serial_hex()));
}

TEST_F(DirectoryCa, WhatTheRegistrarRevokesIsRevokedInTheCasRecords) {
    const auto bundle = make(order("D-2"), "Birch");
    ASSERT_EQ(onboard(bundle).exit, 0);
    const auto dir = world->customer("Birch").registrar.string();
    ASSERT_EQ(berth({"registrar", "revoke", "D-2", "--dir", dir}).exit, 0);
    EXPECT_TRUE(eventually([] {
        const auto entries = log_of("D-2");
        return entries.size() == 2 &&
               std::ranges::all_of(entries, [](const auto& e) { return e.find("\"revoked\"") != std::string::npos; });
    }));
}

TEST_F(DirectoryCa, AnEpochThatIsRaisedThereReachesWhatWasOnboarded) {
    const auto bundle = make(order("D-3"), "Birch");
    ASSERT_EQ(onboard(bundle).exit, 0);
    const auto raised = ca({"revoke", "--epoch", "D-3", "--reason", "superseded"});
    ASSERT_EQ(raised.exit, 0) << raised.all();
    for (const auto& entry : log_of("D-3")) {
        EXPECT_THAT(entry, testing::HasSubstr("\"revoked_by\":\"epoch\""));
    }
    ASSERT_EQ(berth({"device", "reset", "--bundle", bundle.string()}).exit, 0);
    const auto again = onboard(bundle);
    ASSERT_EQ(again.exit, 0) << again.all() << all_heard("Birch");
    const auto entries = log_of("D-3");
    ASSERT_EQ(entries.size(), 4u);
    EXPECT_THAT(entries.back(), testing::HasSubstr("\"epoch\":1"));
    EXPECT_THAT(entries.back(), testing::HasSubstr("\"good\""));
}

TEST_F(DirectoryCa, ADeviceWhoseLifeHasEndedThereIsRefused) {
    const auto bundle = make(order("D-4"), "Birch");
    ASSERT_EQ(onboard(bundle).exit, 0);
    const auto ended = ca({"revoke", "--device", "D-4", "--reason", "cessation_of_operation"});
    ASSERT_EQ(ended.exit, 0) << ended.all();
    ASSERT_EQ(berth({"device", "reset", "--bundle", bundle.string()}).exit, 0);
    const size_t from = heard.size();
    const auto refused = onboard(bundle);
    EXPECT_EQ(refused.error_name(), "ca_refused") << refused.all();
    EXPECT_TRUE(hear("Birch", "ca_refused", "requester_withdrawn", from)) << all_heard("Birch");
}

TEST_F(DirectoryCa, AnOrderIsIssuedWholeOrNotAtAll) {
    const auto before = got(app::read_text(world->config("Birch")));
    name_ca(fmt::format("directory = \"{}\"\nprofile = \"signing\"\n", ca_directory().string()));
    ASSERT_TRUE(reload("Birch")) << all_heard("Birch");
    const auto refused = onboard(make(order("D-5"), "Birch"));
    EXPECT_EQ(refused.error_name(), "ca_refused") << refused.all();
    EXPECT_TRUE(log_of("D-5").empty()) << "the profile has a place for one of its two keys";
    ASSERT_TRUE(app::write_text(world->config("Birch"), before));
    ASSERT_TRUE(reload("Birch"));
}

TEST_F(DirectoryCa, AProfileThatIsNotForDevicesIsRefusedBeforeAnythingServes) {
    const auto before = got(app::read_text(world->config("Birch")));
    for (const char* profile : {"renewed", "server", "once", "onborded"}) {
        name_ca(fmt::format("directory = \"{}\"\nprofile = \"{}\"\n", ca_directory().string(), profile));
        const auto checked = run_program("berthd", {"--json", "check", world->config("Birch").string()});
        EXPECT_EQ(checked.exit, 2) << checked.all();
        EXPECT_THAT(checked.error_name(), testing::AnyOf("bad_config", "unknown_profile")) << profile;
    }
    EXPECT_TRUE(reload("Birch", "reload_refused"));
    ASSERT_TRUE(app::write_text(world->config("Birch"), before));
    ASSERT_TRUE(reload("Birch"));
}

}  // namespace
}  // namespace berth::test
