// Which hub: by hashing, by what the device has measured, by where it is.
#include "provisioning/allocation.h"

#include <map>

#include <rapidcheck/gtest.h>

namespace berth::provisioning {
namespace {

using registry::linked_hub;

std::vector<linked_hub> hubs(const std::vector<uint32_t>& weights) {
    std::vector<linked_hub> out;
    for (const uint32_t weight : weights) {
        out.push_back({"hub" + std::to_string(out.size()) + ".example", weight, false, {}, 0});
    }
    return out;
}

// Adding a hub moves devices to it alone, taking one away moves its own alone.
RC_GTEST_PROP(Hashing, OneMoreHubMovesOnlyWhatItTakes, ()) {
    const auto count = *rc::gen::inRange<size_t>(1, 12);
    const auto weights = *rc::gen::container<std::vector<uint32_t>>(count + 1, rc::gen::inRange<uint32_t>(1, 1001));
    const auto more = hubs(weights);
    const std::vector<linked_hub> fewer(more.begin(), more.end() - 1);
    const auto seed = *rc::gen::arbitrary<uint32_t>();
    for (int i = 0; i < 50; ++i) {
        const std::string id = "dev-" + std::to_string(seed) + "-" + std::to_string(i);
        const auto* const before = choose_hashed(fewer, id);
        const auto* const after = choose_hashed(more, id);
        RC_ASSERT(after->host == before->host || after->host == more.back().host);
        // In whichever order they are listed.
        std::vector<linked_hub> turned(more.rbegin(), more.rend());
        RC_ASSERT(choose_hashed(turned, id)->host == after->host);
    }
}

// A greater weight never sends a device away.
RC_GTEST_PROP(Hashing, MoreWeightTakesMore, ()) {
    const auto weights = *rc::gen::container<std::vector<uint32_t>>(4, rc::gen::inRange<uint32_t>(1, 1000));
    auto all = hubs(weights);
    const std::string id = "dev-" + std::to_string(*rc::gen::arbitrary<uint32_t>());
    const std::string before = choose_hashed(all, id)->host;
    all[1].weight += 1;
    const std::string after = choose_hashed(all, id)->host;
    RC_ASSERT(after == before || after == all[1].host);
}

TEST(Hashing, GivesEachItsShare) {
    const auto all = hubs({1, 2, 7});
    std::map<std::string, int> count;
    constexpr int devices = 20'000;
    for (int i = 0; i < devices; ++i) {
        ++count[choose_hashed(all, "device-" + std::to_string(i))->host];
    }
    // Not random: the ids are given. Four standard deviations of a fair draw are 1.3 of a hundred.
    EXPECT_NEAR(count["hub0.example"], devices * 0.1, devices * 0.013);
    EXPECT_NEAR(count["hub1.example"], devices * 0.2, devices * 0.013);
    EXPECT_NEAR(count["hub2.example"], devices * 0.7, devices * 0.013);
}

TEST(Hashing, KnowsNoCaseAndNoHubs) {
    const auto all = hubs({1, 1, 1, 1, 1, 1, 1, 1});
    for (const char* id : {"Pump-1", "PUMP-1"}) {
        EXPECT_EQ(choose_hashed(all, id)->host, choose_hashed(all, "pump-1")->host);
    }
    EXPECT_EQ(choose_hashed({}, "pump-1"), nullptr);
    // Where it goes is a promise to every device that is there: it must not change with a later version.
    EXPECT_EQ(choose_hashed(hubs({1, 1, 1, 1}), "pump-1")->host + choose_hashed(hubs({1, 1, 1, 1}), "pump-2")->host +
                  choose_hashed(hubs({1, 1, 1, 1}), "pump-3")->host,
              "hub3.examplehub2.examplehub1.example");
}

TEST(Latency, TheSmallestThatADeviceMeasured) {
    const auto all = hubs({1, 1, 1});
    const auto chosen = [&](const char* payload) {
        const auto value = wire::parse_json(payload);
        const auto* const hub = choose_measured(all, *value);
        return hub ? hub->host : "none";
    };
    EXPECT_EQ(chosen(R"({"latencies":{"hub0.example":30,"hub1.example":12.5,"hub2.example":13}})"), "hub1.example");
    EXPECT_EQ(chosen(R"({"latencies":{"hub2.example":0,"elsewhere.example":0}})"), "hub2.example")
        << "not one that is not linked";
    EXPECT_EQ(chosen(R"({"latencies":{"hub0.example":-1,"hub1.example":"3","hub2.example":null}})"), "none");
    EXPECT_EQ(chosen(R"({"latencies":[1,2]})"), "none");
    EXPECT_EQ(chosen("{}"), "none");
    EXPECT_EQ(chosen("null"), "none");
    EXPECT_EQ(chosen("[]"), "none");
}

TEST(Latency, TheLongestPrefixThatHoldsTheAddress) {
    auto all = hubs({1, 1, 1});
    all[0].near = {"10.0.0.0/8", "2001:db8::/32"};
    all[1].near = {"10.1.0.0/16"};
    all[2].near = {"10.1.2.3"};
    const auto chosen = [&](const char* address) {
        const auto* const hub = choose_near(all, address);
        return hub ? hub->host : "none";
    };
    EXPECT_EQ(chosen("10.9.9.9"), "hub0.example");
    EXPECT_EQ(chosen("10.1.9.9"), "hub1.example");
    EXPECT_EQ(chosen("10.1.2.3"), "hub2.example");
    EXPECT_EQ(chosen("::ffff:10.1.2.3"), "hub2.example") << "the same, as a socket of both kinds says it";
    EXPECT_EQ(chosen("2001:db8::1"), "hub0.example");
    EXPECT_EQ(chosen("192.0.2.1"), "none");
    EXPECT_EQ(chosen(""), "none");
    EXPECT_EQ(chosen("nonsense"), "none");
}

TEST(Prefixes, OnlyThoseThatMeanOneThing) {
    using registry::address_prefix;
    for (const char* good : {"0.0.0.0/0", "::/0", "10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1/128"}) {
        EXPECT_TRUE(address_prefix::parse(good)) << good;
    }
    for (const char* bad : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "2001:db8::1/32", "::/129", "10.0.0/8",
                            "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8 ", "hub.example"}) {
        EXPECT_FALSE(address_prefix::parse(bad)) << bad;
    }
    EXPECT_FALSE(address_prefix::parse(std::string_view("10.0.0.0\0x/8", 12)));
    EXPECT_FALSE(address_prefix::parse("::/0")->bits != 0);
}

TEST(LinkedHubs, AreHostsThatDevicesCanBeTold) {
    const auto said = [](const std::string& host, uint32_t weight = 1) {
        const auto checked = registry::check_linked_hub({host, weight, false, {}, 0});
        return checked ? "" : checked.error().params.front().second;
    };
    for (const char* good : {"hub.example", "hub", "192.0.2.1", "hub.example:8883", "a-b.c1"}) {
        EXPECT_EQ(said(good), "") << good;
    }
    for (const char* bad :
         {"", "Hub.example", "hub..example", ".hub", "hub.", "-hub", "hub-", "hub.example:", "hub.example:0", "hub.example:65536",
          "hub.example:08883", "hub.example:8883x", "hub example", "https://hub.example"}) {
        EXPECT_EQ(said(bad), "host") << bad;
    }
    EXPECT_EQ(said(std::string(64, 'a') + ".example"), "host");
    EXPECT_EQ(said("hub.example", 0), "weight");
    EXPECT_EQ(said("hub.example", 1001), "weight");
}

TEST(LinkedHubs, ThoseThatTheEnrolmentMayUse) {
    registry::enrolment_settings s;
    const auto names = [&](const std::vector<linked_hub>& linked) -> std::string {
        const auto left = hubs_of(s, linked);
        if (!left) {
            return left.error().name;
        }
        std::string out;
        for (const auto& hub : *left) {
            out += hub.host + " ";
        }
        return out;
    };
    auto linked = hubs({1, 1, 1});
    std::swap(linked[0], linked[2]);
    EXPECT_EQ(names(linked), "hub0.example hub1.example hub2.example ");
    s.hubs = {"hub2.example", "gone.example"};
    EXPECT_EQ(names(linked), "hub2.example ");
    s.hubs = {"gone.example"};
    EXPECT_EQ(names(linked), "no_linked_hub");
    s.hubs.clear();
    EXPECT_EQ(names({}), "no_linked_hub");
}

}  // namespace
}  // namespace berth::provisioning
