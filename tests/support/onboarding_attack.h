// What tests of attackers on the onboarding share: two customers, frames changed on their way, an onboarding that stands still at
// the CA, and that nothing came of it.
#pragma once

#include "onboarding/messages/frame.h"
#include "support/onboarding_parties.h"

#include <gtest/gtest.h>

namespace berth::test {

// An onboarding in which S11 has held, the CA is asked, and has not answered.
class onboarding_at_the_ca : public onboarding_scene {
public:
    // `masa`: another than that of `p`.
    onboarding_at_the_ca(parties& p, const device_party& d, customer_party& r, onboarding::masa_service* masa = nullptr)
        : onboarding_scene(p, d, r) {
        if (masa) {
            masa_link = std::make_unique<onboarding::masa_link>(*masa, onboarding::kk1_peer{r.z4});
        }
        auto_ca = false;
        start();
        run();
        EXPECT_TRUE(order) << device_error() << " / " << registrar_error();
    }
    // What the CA says to its order.
    [[nodiscard]] result<std::vector<onboarding::issued_certificate>> certificates() const {
        return registrar_party.ca->issue(order.value(), world.clock, crypto::system_random());
    }
    void ca_answers() { registrar->ca_answered(certificates()); }
};

class Attack : public testing::Test {
protected:
    Attack() : birch(p.add_customer("Birch")), cedar(p.add_customer("Cedar")) {}

    // Nobody installed anything, nothing was issued, nobody owns what they did not before.
    void expect_nothing_happened(const device_party& d, const onboarding_scene& s, const std::string& owner) {
        EXPECT_FALSE(s.accepted);
        EXPECT_TRUE(birch.store->certificates_of(d.identity)->empty());
        EXPECT_TRUE(cedar.store->certificates_of(d.identity)->empty());
        EXPECT_EQ(p.ownership(d).owner(p.clock.now()), owner);
        EXPECT_NE(p.ownership(d).state, registry::ownership_state::onboarded);
    }

    parties p;
    customer_party& birch;
    customer_party& cedar;
};

// Frames of a leg's octets.
inline std::vector<onboarding::frame> frames_of(bytes_view octets) {
    onboarding::frame_reader reader(onboarding::frame_reader::server_limit);
    reader.feed(octets);
    std::vector<onboarding::frame> out;
    for (;;) {
        auto next = reader.next();
        if (!next || !*next) {
            return out;
        }
        out.push_back(std::move(**next));
    }
}

// The same octets, their frames changed one by one.
inline bytes each_frame(const bytes& octets, const std::function<void(onboarding::frame&)>& change) {
    bytes out;
    for (auto& f : frames_of(octets)) {
        change(f);
        append(out, *wire::encode(f));
    }
    return out;
}

// For onboarding_scene::tamper: changes the messages of one type on one leg.
inline std::function<bytes(leg, bytes)> altering(leg where, onboarding::message_type type,
                                                 std::function<void(onboarding::frame&)> change) {
    return [where, type, change = std::move(change)](leg l, bytes octets) {
        return l != where ? octets : each_frame(octets, [&](onboarding::frame& f) {
            if (f.is(type)) {
                change(f);
            }
        });
    };
}

}  // namespace berth::test
