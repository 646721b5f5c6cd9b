// The MASA's store fails once, in the middle: nothing is taken for decided that was not read, and nothing that was is forgotten.
#include "support/failing_records.h"
#include "support/onboarding_attack.h"

namespace berth::test {
namespace {

using namespace onboarding;

class StoreTrouble : public Attack {
protected:
    StoreTrouble() : d(p.make_device("SN-1", "Birch")) {}

    // One look at the open sessions, in which this function of the store fails.
    void tick_while_failing(masa_link& link, const std::string& function) {
        records.fail_next(function);
        const auto ticked = link.tick();
        EXPECT_TRUE(ticked || ticked.error().is("store_busy")) << ticked.error().name;
        ASSERT_TRUE(records.has_failed()) << function << " was not asked: this test proved nothing";
    }

    static constexpr const char* asked_in_a_look[] = {"trust_generation", "ownership_generation", "still_assigned"};

    int made = 0;
    device_party d;
    failing_records records{*p.masa_store};
    masa_service service{p.masa_files(), records, p.clock, crypto::system_random()};
};

// Who stands on a KK1 is read anew with the first look at its sessions.
TEST_F(StoreTrouble, ACustomerThatCouldNotBeReadOnceWithdrawsNothing) {
    for (const char* function : asked_in_a_look) {
        SCOPED_TRACE(function);
        const auto each = p.make_device(fmt::format("EACH-{}", ++made), "Birch");
        onboarding_at_the_ca s(p, each, birch, &service);
        tick_while_failing(*s.masa_link, function);
        EXPECT_EQ(s.masa_link->open_sessions(), 1u);
        ASSERT_TRUE(s.masa_link->tick());
        EXPECT_EQ(s.masa_link->open_sessions(), 1u);
        s.ca_answers();
        s.run();
        EXPECT_EQ(s.device->outcome(), device_outcome::done) << s.device_error() << " / " << s.registrar_error();
        EXPECT_EQ(p.ownership(each).state, registry::ownership_state::onboarded);
    }
}

TEST_F(StoreTrouble, AWithdrawalThatCouldNotBeReadIsToldAtTheNextLook) {
    for (const char* function : asked_in_a_look) {
        SCOPED_TRACE(function);
        const auto each = p.make_device(fmt::format("EACH-{}", ++made), "Birch");
        onboarding_at_the_ca s(p, each, birch, &service);
        ASSERT_TRUE(p.masa_store->set_blocked(each.identity, true, p.clock.now()));
        tick_while_failing(*s.masa_link, function);
        EXPECT_TRUE(s.masa_link->take_output().empty());
        ASSERT_TRUE(s.masa_link->tick());
        s.run();
        EXPECT_EQ(s.registrar_error(), "withdrawn");
        EXPECT_EQ(s.device_error(), "withdrawn");
        expect_nothing_happened(each, s, "Birch");
    }
}

TEST_F(StoreTrouble, AnAuthorizationThatCouldNotBeStoredEndsOneSessionAndIsNotGiven) {
    const auto other = p.make_device("SN-2", "Birch");
    onboarding_at_the_ca meanwhile(p, other, birch, &service);
    onboarding_scene s(p, d, birch);
    s.masa_link = std::move(meanwhile.masa_link);
    s.registrar_link = std::move(meanwhile.registrar_link);
    records.fail_next("authorize");
    s.start();
    s.run();
    ASSERT_TRUE(records.has_failed());
    EXPECT_EQ(s.device_error(), "abandoned");
    EXPECT_EQ(s.device->outcome(), device_outcome::again) << "a fault of the MASA's is no refusal: the keys stay";
    EXPECT_TRUE(s.kk1_alive);
    expect_nothing_happened(d, s, "Birch");
    EXPECT_THAT(p.audit_outcomes(d), testing::ElementsAre("manufactured ok", "assigned ok"));
    EXPECT_FALSE(got(p.masa_store->find_authorization(*s.device->kk3_id())));
    // The other session on the same KK1 knows nothing of it.
    meanwhile.masa_link = std::move(s.masa_link);
    meanwhile.registrar_link = std::move(s.registrar_link);
    meanwhile.ca_answers();
    meanwhile.run();
    EXPECT_EQ(meanwhile.device->outcome(), device_outcome::done) << meanwhile.device_error();
}

}  // namespace
}  // namespace berth::test
