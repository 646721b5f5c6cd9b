// What lasting sessions have subscribed to, remembered in the hub's file: without a broker.
#include "lasting_subscriptions.h"

#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace registry;
using app::lasting_subscriptions;

class LastingSubscriptions : public testing::Test {
protected:
    LastingSubscriptions() {
        for (const auto& name : {identity_name{"a", ""}, identity_name{"a", "m"}}) {
            EXPECT_TRUE(store->add(make_identity(name, {}, random, test_now)));
        }
        open();
    }
    void open() { watch = got(lasting_subscriptions::open(file)); }
    // As the thread of notes does.
    size_t write() {
        const auto some = watch->take_notes();
        for (const auto& each : some) {
            EXPECT_TRUE(kept.note(each.who, each.what, each.subscribed));
        }
        return some.size();
    }
    bool had(const void* session, const identity_name& who, bool lasting = true) {
        const auto generation = got(store->find(who)).value().generation;
        watch->came(session, {who, generation, lasting, lasting});
        return watch->had(session, lasting_subscriptions::methods);
    }
    temporary_directory directory;
    named_random random{"lasting"};
    const std::filesystem::path file = directory.path() / "hub.db";
    std::unique_ptr<store::sqlite_hub_store> store = got(store::sqlite_hub_store::open(file.string()));
    store::sqlite_lasting_store kept{*store};
    std::unique_ptr<lasting_subscriptions> watch;
    const identity_name a{"a", ""}, m{"a", "m"};
    const int one = 0, other = 0;
};

TEST_F(LastingSubscriptions, HoldFromOneConnectionToTheNext) {
    EXPECT_FALSE(had(&one, a)) << "it never had";
    watch->subscribed(&one, lasting_subscriptions::methods);
    watch->subscribed(&one, lasting_subscriptions::methods);
    watch->left(&one);
    EXPECT_TRUE(had(&other, a)) << "before it is written down";
    EXPECT_FALSE(watch->had(&other, lasting_subscriptions::desired)) << "the other one it has not";
    EXPECT_FALSE(had(&one, m)) << "nor has its module";
    EXPECT_EQ(write(), 1U) << "said twice, noted once";
    open();
    EXPECT_TRUE(had(&one, a)) << "at a broker that was started again";
    watch->unsubscribed(&one, lasting_subscriptions::methods);
    watch->left(&one);
    EXPECT_FALSE(had(&one, a));
    write();
    open();
    EXPECT_FALSE(had(&one, a));
}

TEST_F(LastingSubscriptions, EndWithASessionThatBeginsAnew) {
    had(&one, a);
    watch->subscribed(&one, lasting_subscriptions::methods);
    write();
    EXPECT_FALSE(had(&one, a, false));
    watch->subscribed(&one, lasting_subscriptions::methods);
    EXPECT_FALSE(watch->had(&one, lasting_subscriptions::methods))
        << "of a session that ends with its connection nothing is kept";
    write();
    open();
    EXPECT_FALSE(had(&one, a));
}

// MQTT 5: Clean Start, and a session that outlives its connection for all that.
TEST_F(LastingSubscriptions, OfASessionThatBeginsAnewAndLasts) {
    const auto generation = got(store->find(a)).value().generation;
    watch->came(&one, {a, generation, false, true});
    EXPECT_FALSE(watch->had(&one, lasting_subscriptions::methods));
    watch->subscribed(&one, lasting_subscriptions::methods);
    watch->left(&one);
    EXPECT_TRUE(had(&other, a));
    watch->left(&other);
    watch->came(&one, {a, generation, false, true});
    EXPECT_FALSE(had(&one, a)) << "begun anew once more";
}

TEST_F(LastingSubscriptions, GoWithTheirIdentity) {
    had(&one, a);
    watch->subscribed(&one, lasting_subscriptions::methods);
    had(&other, m);
    watch->subscribed(&other, lasting_subscriptions::methods);
    EXPECT_EQ(write(), 2U);
    EXPECT_TRUE(store->remove(got(store->find(m)).value(), test_now));
    EXPECT_FALSE(got(kept.has(m, lasting_subscriptions::methods)));
    EXPECT_TRUE(got(kept.has(a, lasting_subscriptions::methods)));
    watch->came(&other, {m, 0x77, true, true});
    EXPECT_FALSE(watch->had(&other, lasting_subscriptions::methods)) << "another of its name";
    EXPECT_TRUE(kept.note({"nobody", ""}, lasting_subscriptions::methods, true));
    EXPECT_FALSE(got(kept.has({"nobody", ""}, lasting_subscriptions::methods))) << "of whom nothing is known";
}

}  // namespace
}  // namespace berth::test
