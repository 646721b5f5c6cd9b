// How onboardings end when something goes wrong late: who is told, what is kept, what is taken back.
#include "onboarding/errors.h"
#include "onboarding/messages/error.h"
#include "onboarding/messages/onboard_request.h"
#include "onboarding/messages/pending.h"
#include "onboarding/messages/result.h"
#include "support/onboarding_attack.h"

namespace berth::test {
namespace {

using namespace onboarding;

class Endings : public testing::Test {
protected:
    Endings() : birch(p.add_customer("Birch")), d(p.make_device("SN-1", "Birch")) {}

    size_t revoked() {
        const auto all = got(birch.store->certificates_of(d.identity));
        return static_cast<size_t>(std::count_if(all.begin(), all.end(), [](const auto& c) { return c.revoked; }));
    }
    static bool holds(bytes_view octets, message_type type) {
        return std::ranges::any_of(frames_of(octets), [&](const frame& f) { return f.is(type); });
    }

    parties p;
    customer_party& birch;
    device_party d;
};

TEST_F(Endings, AnErrorOfTheDeviceFreesItsPlaceAtTheMasa) {
    registrar_link link(*birch.store, p.maker_root.spki_sha256(), p.clock);
    masa_link masa(*p.masa, kk1_peer{birch.z4});
    for (int i = 0; i < 5; ++i) {
        onboarding_scene s(p, d, birch);
        s.registrar->receive(*to_frame(message_type::onboard_request, 0, onboard_request{}));
        link.attach(*s.registrar);
        link.collect();
        ASSERT_TRUE(masa.receive(link.take_output()));
        ASSERT_EQ(masa.open_sessions(), 1u);
        s.registrar->receive(*to_frame(message_type::error, 0, to_message(refusal("kk3_failed"))));
        s.registrar->kk2_ended();
        link.detach(*s.registrar);
        ASSERT_TRUE(masa.receive(link.take_output()));
        EXPECT_EQ(masa.open_sessions(), 0u);
        EXPECT_EQ(link.open_sessions(), 0u);
    }
}

// Results of before are told again now and then, also when a session was numbered a moment ago and has not spoken yet.
TEST_F(Endings, SessionsAreOpenedInTheOrderOfTheirNumbers) {
    {
        onboarding_scene s(p, d, birch);
        s.auto_install = false;
        s.start();
        s.run();
        ASSERT_EQ(s.device->state(), device_state::installing);
        s.registrar_link->lost();
        s.install_accepted();
        s.run();
        ASSERT_EQ(s.device->outcome(), device_outcome::done) << s.device_error();
    }
    ASSERT_EQ(got(birch.store->undelivered_results(p.maker_root.spki_sha256(), 10)).size(), 1u);
    registrar_link link(*birch.store, p.maker_root.spki_sha256(), p.clock);
    masa_link masa(*p.masa, kk1_peer{birch.z4});
    const auto second = p.make_device("SN-2", "Birch");
    onboarding_scene s(p, second, birch);
    s.registrar->receive(*to_frame(message_type::onboard_request, 0, onboard_request{}));
    link.attach(*s.registrar);
    ASSERT_TRUE(link.deliver_results());
    link.collect();
    const bytes said = link.take_output();
    uint32_t before = 0;
    for (const auto& f : frames_of(said)) {
        if (f.is(message_type::session_open)) {
            EXPECT_GT(f.session, before);
            before = f.session;
        }
    }
    EXPECT_EQ(before, 2u) << "both were opened";
    ASSERT_TRUE(masa.receive(said));
    const bytes answers = masa.take_output();
    EXPECT_FALSE(holds(answers, message_type::error));
    EXPECT_TRUE(holds(answers, message_type::result_ack));
    link.detach(*s.registrar);
}

TEST_F(Endings, AReportThatNobodyKnowsIsAnsweredAndNotRepeated) {
    onboarding_scene s(p, d, birch);
    s.device->start_report(kk3_id_field{1});
    s.run();
    EXPECT_EQ(s.registrar_error(), "unknown_kk3");
    EXPECT_EQ(s.registrar->state(), registrar_state::ended);
    EXPECT_EQ(s.device->outcome(), device_outcome::done) << "a registrar without memory of it will have none tomorrow";
    EXPECT_EQ(s.device_error(), "unknown_kk3");
    EXPECT_NE(p.ownership(d).state, registry::ownership_state::onboarded);
}

TEST_F(Endings, TheFirstResultStays) {
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    ASSERT_TRUE(s.accepted);
    onboarding_scene again(p, d, birch);
    const result_message contrary{*s.device->kk3_id(), result_status::refused,
                                  wire::opaque<0, 64>(std::string_view("install_failed"))};
    again.registrar->receive(*to_frame(message_type::result, 0, contrary));
    EXPECT_TRUE(holds(again.registrar->take_output(), message_type::result_ack));
    EXPECT_EQ(revoked(), 0u);
    EXPECT_EQ(birch.store->find_serial("SN-1")->front().last_result, "installed");
    EXPECT_EQ(p.ownership(d).state, registry::ownership_state::onboarded);
}

TEST_F(Endings, ARepeatedRequestThatCrossesTheChallengeIsNoMistake) {
    birch.settings.manual_approval = true;
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    p.clock.advance(5'000);
    s.device->tick();
    const bytes again = s.device->take_output();
    ASSERT_TRUE(holds(again, message_type::authorization_request));
    ASSERT_TRUE(birch.store->decide(d.identity, true, p.clock.now()));
    s.registrar->operator_decided();
    ASSERT_EQ(s.registrar->state(), registrar_state::proving);
    s.registrar->receive(again);
    s.run();
    EXPECT_EQ(s.device->outcome(), device_outcome::done) << s.device_error() << " / " << s.registrar_error();
}

// KK1 broke, and is there again, and breaks again: the device's repeated 3 is under way meanwhile, and so is the grant.
TEST_F(Endings, ARepeatedRequestThatCrossesTheGrantIsAnsweredByNothing) {
    onboarding_at_the_ca s(p, d, birch);
    s.auto_install = false;
    s.registrar_link->lost();
    s.device->receive(s.registrar->take_output());
    p.clock.advance(5'000);
    s.device->tick();
    const bytes again = s.device->take_output();
    ASSERT_TRUE(holds(again, message_type::authorization_request));
    s.ca_answers();
    s.reopen_kk1();
    s.run();
    ASSERT_EQ(s.registrar->state(), registrar_state::granted);
    ASSERT_EQ(s.device->state(), device_state::installing);
    s.registrar_link->lost();
    s.registrar->receive(again);
    EXPECT_TRUE(s.registrar->take_output().empty());
    EXPECT_EQ(s.registrar->state(), registrar_state::granted);
    // The MASA may say it, too, of a request that was repeated to it.
    s.registrar->masa_frame({static_cast<uint8_t>(message_type::pending), 1, *wire::encode(pending{5})});
    EXPECT_TRUE(s.registrar->take_output().empty());
    EXPECT_EQ(s.registrar->state(), registrar_state::granted);
    s.install_accepted();
    s.reopen_kk1();
    s.run();
    EXPECT_EQ(s.device->outcome(), device_outcome::done) << s.device_error() << " / " << s.registrar_error();
    EXPECT_EQ(revoked(), 0u);
    EXPECT_EQ(p.ownership(d).state, registry::ownership_state::onboarded);
}

// A registrar of an earlier version says `pending` there.
TEST_F(Endings, APendingThatComesAfterTheGrantCostsNoKeys) {
    onboarding_scene s(p, d, birch);
    s.auto_install = false;
    s.start();
    s.run();
    const bytes late = *to_frame(message_type::pending, 0, pending{1});
    const auto expect_unmoved = [&](device_state in) {
        ASSERT_EQ(s.device->state(), in);
        s.device->receive(late);
        EXPECT_EQ(s.device->state(), in) << s.device_error();
        EXPECT_EQ(s.device->outcome(), device_outcome::running);
        p.clock.advance(2'000);
        s.device->tick();
        EXPECT_TRUE(s.device->take_output().empty()) << "3 is not said again";
    };
    expect_unmoved(device_state::installing);
    s.install_accepted();
    const bytes reported = s.device->take_output();
    expect_unmoved(device_state::reporting);
    s.registrar->receive(reported);
    s.run();
    EXPECT_EQ(s.device->outcome(), device_outcome::done) << s.device_error() << " / " << s.registrar_error();
    EXPECT_EQ(revoked(), 0u);
}

TEST_F(Endings, ADecisionAboutAnotherDeviceIsNoNews) {
    birch.settings.manual_approval = true;
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    ASSERT_TRUE(s.registrar->awaits_approval());
    s.registrar->operator_decided();
    EXPECT_TRUE(s.registrar->take_output().empty());
    EXPECT_TRUE(s.registrar->awaits_approval());
}

TEST_F(Endings, LosingKk1AfterS11LetsTheDeviceWait) {
    onboarding_at_the_ca s(p, d, birch);
    s.registrar_link->lost();
    const bytes said = s.registrar->take_output();
    ASSERT_TRUE(holds(said, message_type::pending));
    s.device->receive(said);
    p.clock.advance(61'000);  // more than a device waits in silence
    s.ca_answers();
    EXPECT_FALSE(holds(s.registrar->take_output(), message_type::grant)) << "not without the MASA's word on a live KK1";
    s.device->tick();
    EXPECT_EQ(s.device->outcome(), device_outcome::running);
    s.reopen_kk1();
    s.run();
    EXPECT_EQ(s.device->outcome(), device_outcome::done) << s.device_error() << " / " << s.registrar_error();
    EXPECT_EQ(birch.store->certificates_of(d.identity)->size(), 3u);
}

TEST_F(Endings, CertificatesThatComeTooLateAreKeptForTheNextTime) {
    onboarding_at_the_ca s(p, d, birch);
    s.registrar->kk2_ended();
    s.ca_answers();
    EXPECT_EQ(birch.store->certificates_of(d.identity)->size(), 3u);
    onboarding_scene next(p, d, birch);
    next.start();
    next.run();
    EXPECT_EQ(next.device->outcome(), device_outcome::done) << next.device_error();
    EXPECT_EQ(birch.store->certificates_of(d.identity)->size(), 3u) << "issued twice";
}

// What the MASA finds when KK1 has reopened and 3 is said again, of a grant that is out.
class GrantThatIsOut : public Endings {
protected:
    GrantThatIsOut() : s(p, d, birch) {
        s.auto_install = false;
        s.start();
        s.run();
        EXPECT_EQ(s.registrar->state(), registrar_state::granted);
        generation = got(birch.store->revocation_generation());
    }
    void expect_taken_back(const std::string& name) {
        s.reopen_kk1();
        s.run();
        EXPECT_EQ(s.registrar_error(), name);
        EXPECT_EQ(revoked(), 3u);
        EXPECT_NE(got(birch.store->revocation_generation()), generation) << "the CRL is due";
    }

    onboarding_scene s;
    uint64_t generation = 0;
};

TEST_F(GrantThatIsOut, IsTakenBackWhenTheDeviceWasBlocked) {
    ASSERT_TRUE(p.masa_store->set_blocked(d.identity, true, p.clock.now()));
    expect_taken_back("blocked");
}

TEST_F(GrantThatIsOut, IsTakenBackWhenTheDeviceWasGivenAway) {
    p.add_customer("Cedar");
    ASSERT_EQ(got(p.masa_store->release(d.identity, "Birch", "Cedar", p.clock.now())), release_verdict::released);
    expect_taken_back("not_assigned");
}

TEST_F(GrantThatIsOut, StaysWhenSomethingIsWrongWithTheRegistrar) {
    ASSERT_TRUE(p.masa_store->remove_customer("Birch", p.clock.now()));
    s.reopen_kk1();
    s.run();
    EXPECT_EQ(s.registrar_error(), "unknown_registrar_root");
    EXPECT_EQ(revoked(), 0u) << "which says nothing about the device";
    EXPECT_EQ(got(birch.store->revocation_generation()), generation);
}

TEST_F(Endings, ACertificateUnderAnotherRootIsNotUsedAgain) {
    onboarding_scene first(p, d, birch);
    first.auto_install = false;
    first.start();
    first.run();
    first.registrar->kk2_ended();
    ASSERT_EQ(birch.store->certificates_of(d.identity)->size(), 3u);
    // The customer has a new root; the CA that asks is another one too.
    auto& cedar = p.add_customer("Cedar");
    birch.settings.domain = cedar.settings.domain;
    const onboarding_at_the_ca second(p, d, birch);  // which fails when old certificates were granted
    ASSERT_TRUE(second.order);
    EXPECT_EQ(second.order->items.size(), 3u);
}

TEST_F(Endings, AModelWithControlCharactersIsRefused) {
    auto settings = p.settings_of(d);
    // An escape sequence, the same in C1, and an octet that is no text.
    for (const char* model : {"\x1b[31mred",
                              "\xc2\x9b"
                              "31mred",
                              "\x9b"
                              "31mred"}) {
        settings.model = model;
        onboarding_scene s(p, d, birch);
        s.device =
            std::make_unique<device_session>(settings, channel{s.kk2_exporter(), birch.z4}, p.clock, crypto::system_random());
        s.start();
        s.run();
        EXPECT_EQ(s.device_error(), "malformed");
        EXPECT_TRUE(birch.store->certificates_of(d.identity)->empty());
    }
}

}  // namespace
}  // namespace berth::test
