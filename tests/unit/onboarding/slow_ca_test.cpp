// A CA that answers later, and one that ends certificates by itself.
#include "onboarding/messages/pending.h"
#include "pki/csr.h"
#include "support/onboarding_attack.h"

namespace berth::test {
namespace {

using namespace onboarding;

class SlowCa : public testing::Test {
protected:
    SlowCa() : birch(p.add_customer("Birch")), d(p.make_device("SN-1", "Birch")) {}
    static size_t count(bytes_view octets, message_type type) {
        const auto all = frames_of(octets);
        return static_cast<size_t>(std::ranges::count_if(all, [&](const frame& f) { return f.is(type); }));
    }
    // One device, until the CA is asked.
    std::unique_ptr<onboarding_scene> at_the_ca() {
        auto s = std::make_unique<onboarding_scene>(p, d, birch);
        s->auto_ca = false;
        s->start();
        s->run();
        EXPECT_TRUE(s->order);
        return s;
    }
    void ca_answers(onboarding_scene& s) {
        s.registrar->ca_answered(birch.ca->issue(*s.order, p.clock, crypto::system_random()));
    }

    parties p;
    customer_party& birch;
    device_party d;
};

TEST_F(SlowCa, TheDeviceIsToldToWaitAndToldAgainWhenItAsks) {
    const auto s = at_the_ca();
    s->recorded.clear();
    s->registrar->ca_takes_time();
    s->run();
    EXPECT_EQ(count(s->recorded[leg::registrar_to_device], message_type::pending), 1u);
    for (size_t asked = 1; asked < 4; ++asked) {
        ASSERT_TRUE(s->device->wake_at());
        p.clock.advance(61'000);  // more than a device waits in silence, were it told nothing
        s->device->tick();
        s->run();
        ASSERT_EQ(s->device->outcome(), device_outcome::running) << s->device_error();
        EXPECT_GT(count(s->recorded[leg::registrar_to_device], message_type::pending), asked);
        EXPECT_EQ(s->registrar->state(), registrar_state::issuing);
    }
    EXPECT_FALSE(s->registrar->take_order()) << "asked once";
    ca_answers(*s);
    s->run();
    EXPECT_EQ(s->device->outcome(), device_outcome::done) << s->device_error() << s->registrar_error();
}

TEST_F(SlowCa, ItsRefusalIsTheEnd) {
    const auto s = at_the_ca();
    s->registrar->ca_takes_time();
    s->run();
    s->registrar->ca_answered(fail(error_category::peer, "refused", "not this one"));
    s->run();
    EXPECT_EQ(s->device_error(), "ca_refused");
    s->registrar->ca_takes_time();
    EXPECT_TRUE(s->registrar->take_output().empty()) << "nothing is said after the end";
}

TEST_F(SlowCa, WhatItIssuesToADeviceThatHasGoneHasEnded) {
    const auto s = at_the_ca();
    s->registrar->ca_takes_time();
    s->run();
    const auto number = got(birch.store->ask_release(d.identity, "Cedar", p.clock.now(), p.clock.now() + 60));
    ASSERT_TRUE(birch.store->release_answered(number, "released", p.clock.now() + 1));
    p.clock.advance(5'000);
    ca_answers(*s);
    s->run();
    EXPECT_EQ(s->device_error(), "withdrawn");
    const auto all = got(birch.store->certificates_of(d.identity));
    ASSERT_FALSE(all.empty());
    EXPECT_TRUE(std::ranges::all_of(all, [](const auto& c) { return c.revoked; }));
    EXPECT_EQ(got(birch.store->revoked_certificates(p.clock.now())).size(), all.size());
}

TEST_F(SlowCa, WhatItWasAskedBeforeItIsAskedAgain) {
    const auto first = at_the_ca();
    const auto before = *first->order;
    first->registrar->kk2_ended();
    p.clock.advance(20 * 60 * 1000);
    const auto second = at_the_ca();
    ASSERT_EQ(second->order->items.size(), before.items.size());
    for (size_t i = 0; i < before.items.size(); ++i) {
        EXPECT_EQ(second->order->items[i].request, before.items[i].request)
            << "the octets by which a CA knows a request that waits";
    }
    EXPECT_EQ(second->order->z3.front().sha256(), d.z3.front().sha256());
    // Another key is another request, whatever its name.
    second->registrar->kk2_ended();
    d.credentials = parties::fresh_credentials();
    const auto third = at_the_ca();
    EXPECT_NE(third->order->items[0].request, before.items[0].request);
    // And once there was an answer, the next question is a new one.
    ca_answers(*third);
    ASSERT_TRUE(birch.store->revoke_certificates(d.identity, "revoked", p.clock.now()));
    third->registrar->kk2_ended();
    const auto fourth = at_the_ca();
    EXPECT_NE(fourth->order->items[0].request, third->order->items[0].request);
}

TEST_F(SlowCa, ACertificateThatTheCaHasEndedIsNotUsedAgain) {
    const auto first = at_the_ca();
    ca_answers(*first);
    first->registrar->kk2_ended();
    size_t asked = 0;
    birch.settings.ended_by_ca = [&](const issued_certificate& c) -> result<bool> {
        ++asked;
        return c.name == "device";
    };
    const auto second = at_the_ca();
    EXPECT_EQ(asked, 3u);
    ASSERT_EQ(second->order->items.size(), 1u);
    EXPECT_EQ(second->order->items[0].name, "device");
    // A CA that cannot say is no CA that says yes.
    second->registrar->kk2_ended();
    birch.settings.ended_by_ca = [](const issued_certificate&) -> result<bool> {
        return fail(error_category::environment, "store_busy", "the CA's records are locked");
    };
    onboarding_scene third(p, d, birch);
    third.auto_ca = false;
    third.start();
    third.run();
    EXPECT_FALSE(third.order);
    EXPECT_NE(third.device->outcome(), device_outcome::done);
    EXPECT_EQ(third.registrar_error(), "store_busy");
}

}  // namespace
}  // namespace berth::test
