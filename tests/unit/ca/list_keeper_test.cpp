#include "ca/list_keeper.h"

#include "support/ca_world.h"

namespace berth::ca {

namespace {

using test::ca_world;
using test::day;
using test::name_of_error;
using test::test_now;
using test::value_of;

using which = list_keeper::name;

struct keeping {
    explicit keeping(issuer_settings settings = {}, list_times times = {}) : w(settings), keeper(w.issuer, times) {}

    // All that is due, in the order in which it was made: "0", "0 delta", "all".
    std::vector<std::string> make() {
        std::vector<std::string> out;
        for (;;) {
            const auto made = keeper.make_next(*w.records, w.clock);
            if (!made || !*made) {
                EXPECT_TRUE(made) << made.error().message;
                return out;
            }
            out.push_back(((*made)->shard ? std::to_string(*(*made)->shard) : "all") + ((*made)->delta ? " delta" : ""));
        }
    }
    pki::crl list(const which& name = {}) { return value_of(pki::crl::parse(keeper.find(name)->der)); }
    void revoke(const pki::certificate& c) {
        ASSERT_TRUE(w.records->revoke(w.issuer.id(), c.serial(), pki::revocation_reason::key_compromise, w.clock.now()));
    }

    ca_world w;
    list_keeper keeper;
};

using made = std::vector<std::string>;

TEST(ListKeeper, MakesListsBeforeTheyEndAndAfterEachRevocation) {
    keeping k;
    EXPECT_EQ(name_of_error(k.keeper.check(test_now)), "list_missing");
    EXPECT_EQ(k.keeper.find({}), nullptr);
    EXPECT_EQ(k.make(), made{"all"});
    EXPECT_EQ(k.make(), made{});
    EXPECT_EQ(name_of_error(k.keeper.check(test_now)), "accepted");
    const auto leaf = k.w.leaf("SN-1");
    EXPECT_EQ(k.make(), made{}) << "who is issued something is on no list";
    k.revoke(leaf);
    EXPECT_EQ(k.make(), made{"all"});
    EXPECT_TRUE(k.list().find(leaf.serial()));
    EXPECT_TRUE(k.list().check_signature(k.w.above.certificate));
    k.w.clock.set(test_now + 86'400 / 2 - 1);
    EXPECT_EQ(k.make(), made{});
    k.w.clock.set(test_now + 86'400 / 2);
    EXPECT_EQ(k.make(), made{"all"});
    EXPECT_EQ(k.keeper.find({})->number, 3U);
    EXPECT_EQ(k.list().next_update(), k.w.clock.now() + 86'400);
    EXPECT_EQ(name_of_error(k.keeper.check(k.w.clock.now() + 86'401)), "list_expired");
}

TEST(ListKeeper, AListThatWouldSayTheSameIsNotMadeAgain) {
    keeping k({.crl_url = "http://ca.example/{shard}.crl", .shard_size = 2});
    std::vector<pki::certificate> leaves;
    for (const char* serial : {"SN-1", "SN-2", "SN-3"}) {
        leaves.push_back(k.w.leaf(serial));
    }
    EXPECT_EQ(k.make(), (made{"0", "1"}));
    k.revoke(leaves[2]);
    EXPECT_EQ(k.make(), made{"1"}) << "the shard that it is in";
    EXPECT_TRUE(k.list({1, false}).find(leaves[2].serial()));
    // Twice over changes nothing.
    ASSERT_TRUE(
        k.w.records->withdraw({withdrawal_kind::device, withdrawal::of_device(test::a_device("SN-3").device), test_now, {}}));
    EXPECT_EQ(k.make(), made{});
    ASSERT_TRUE(k.w.records->withdraw({withdrawal_kind::issuer, withdrawal::of_issuer(test::a_device().anchor), test_now, {}}));
    EXPECT_EQ(k.make(), made{"0"}) << "the other's certificate was revoked already";
    EXPECT_EQ(k.keeper.find({0, false})->entries, 2U);
}

TEST(ListKeeper, NewShardsHaveListsToo) {
    keeping k({.crl_url = "http://ca.example/{shard}.crl", .shard_size = 1});
    EXPECT_EQ(k.make(), made{"0"}) << "before anybody is in it";
    k.w.leaf("SN-1");
    EXPECT_EQ(k.make(), made{});
    k.w.leaf("SN-2");
    EXPECT_EQ(k.make(), made{"1"});
    EXPECT_EQ(k.keeper.find({2, false}), nullptr);
}

TEST(ListKeeper, DeltasAreMadeAtOnceAndContinueWhatIsServed) {
    keeping k({.crl_url = "http://ca.example/crl", .delta_url = "http://ca.example/delta"});
    const auto leaf = k.w.leaf("SN-1"), other = k.w.leaf("SN-2");
    EXPECT_EQ(k.make(), (made{"all", "all delta"}));
    k.w.clock.set(test_now + 10);
    k.revoke(leaf);
    EXPECT_EQ(k.make(), made{"all delta"});
    EXPECT_FALSE(k.list().find(leaf.serial()));
    EXPECT_TRUE(k.list({{}, true}).find(leaf.serial()));
    EXPECT_TRUE(pki::continues(k.list({{}, true}), k.list()));
    k.w.clock.set(test_now + 1'800 + 10);
    EXPECT_EQ(k.make(), made{"all delta"}) << "it ages sooner";
    k.w.clock.set(test_now + 43'200);
    EXPECT_EQ(k.make(), (made{"all", "all delta"}));
    EXPECT_TRUE(k.list().find(leaf.serial()));
    // By hand, from the command line: the list that is served, and what continues it, are newer than that.
    ASSERT_TRUE(make_list(k.w.issuer, {}, *k.w.records, k.w.clock));
    EXPECT_EQ(k.make(), (made{"all", "all delta"}));
    EXPECT_TRUE(pki::continues(k.list({{}, true}), k.list()));
}

// A mistake, but not one that has both sign without end.
TEST(ListKeeper, TwoForOneCaDoNotChaseEachOther) {
    keeping k;
    list_keeper second(k.w.issuer, {});
    const auto made_by_second = [&] {
        int out = 0;
        while (value_of(second.make_next(*k.w.records, k.w.clock))) {
            ++out;
        }
        return out;
    };
    int all = 0;
    for (int second_of_a_minute = 0; second_of_a_minute < 50; ++second_of_a_minute) {
        all += static_cast<int>(k.make().size()) + made_by_second();
        k.w.clock.advance(1'000);
    }
    EXPECT_LE(all, 4);
}

TEST(ListKeeper, AnotherTakesOverWhatIsStillGood) {
    keeping k;
    EXPECT_EQ(k.make(), made{"all"});
    const auto before = k.keeper.find({})->number;
    list_keeper next(k.w.issuer, {});
    next.take_over(std::move(k.keeper));
    EXPECT_EQ(next.find({})->number, before);
    EXPECT_FALSE(value_of(next.make_next(*k.w.records, k.w.clock))) << "nothing is due";
    list_keeper sooner(k.w.issuer, {.complete = 60});
    sooner.take_over(std::move(next));
    EXPECT_EQ(sooner.find({})->number, before) << "until it has its own";
    EXPECT_TRUE(value_of(sooner.make_next(*k.w.records, k.w.clock))) << "it lasts longer than lists do now";
    EXPECT_EQ(sooner.find({})->next_update, test_now + 60);
    const ca_world elsewhere({.crl_url = "http://ca.example/crl"});
    list_keeper anothers(elsewhere.issuer, {});
    anothers.take_over(std::move(sooner));
    EXPECT_EQ(anothers.find({}), nullptr) << "it is found elsewhere";
}

TEST(ListKeeper, WhatCannotBeMadeLeavesWhatWasThere) {
    keeping k;
    EXPECT_EQ(k.make(), made{"all"});
    const auto before = k.keeper.find({})->number;
    k.revoke(k.w.leaf());
    k.w.clock.set(test_now - 5);  // set back
    EXPECT_EQ(name_of_error(k.keeper.make_next(*k.w.records, k.w.clock)), "clock_implausible");
    EXPECT_EQ(k.keeper.find({})->number, before);
    k.w.clock.set(test_now + 1);
    EXPECT_EQ(k.make(), made{"all"}) << "and it is not forgotten";
    EXPECT_EQ(k.list().revoked().size(), 1U);
}

}  // namespace

}  // namespace berth::ca
