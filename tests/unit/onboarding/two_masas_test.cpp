// Two MASA processes over one store are asked the same at the same moment: docs/onboarding.md section 5, "one KK3 carries one BI1
// and one voucher, whatever the number of MASA processes and KK1s".
#include "onboarding/messages/authorization_request.h"
#include "support/onboarding_attack.h"

#include <barrier>
#include <future>
#include <thread>

namespace berth::test {
namespace {

using namespace onboarding;

class TwoMasas : public Attack {
protected:
    // What a process has of its own: a connection to the store.
    struct node {
        explicit node(const parties& p)
            : store(got(store::sqlite_masa_store::open((p.directory.path() / "masa" / "masa.db").string()))),
              service(p.masa_files(), *store, p.clock, crypto::system_random()) {}
        std::unique_ptr<store::sqlite_masa_store> store;
        masa_service service;
    };
    std::barrier<> together{2};
};

// The one transaction, at the same moment in both.
TEST_F(TwoMasas, StoreOneAnswerUnderOneKk3) {
    const auto d = p.make_device("SN-1", "Birch");
    constexpr uint8_t rounds = 40;
    const auto in_one = [&](uint8_t mark, std::vector<result<authorization_outcome>>& out) {
        const node own(p);
        for (uint8_t round = 0; round < rounds; ++round) {
            authorization_attempt attempt;
            attempt.answer.id[0] = round;
            attempt.nonce[0] = round;
            attempt.answer.device = d.identity;
            attempt.answer.customer = "Birch";
            attempt.answer.bi1 = {1};
            attempt.answer.sealed_voucher = {mark, round};
            attempt.now = p.clock.now();
            attempt.voucher_expires_at = p.clock.now() + 900;
            together.arrive_and_wait();
            out.push_back(own.store->authorize(attempt));
        }
    };
    std::vector<result<authorization_outcome>> first;
    std::vector<result<authorization_outcome>> second;
    std::thread other([&] { in_one(2, second); });
    in_one(1, first);
    other.join();
    for (uint8_t round = 0; round < rounds; ++round) {
        ASSERT_TRUE(first[round] && second[round]);
        const bool first_won = first[round]->verdict == authorization_verdict::stored;
        const auto& loser = first_won ? *second[round] : *first[round];
        // "A node that loses the insert sends the stored octets."
        ASSERT_NE(first_won, second[round]->verdict == authorization_verdict::stored);
        EXPECT_EQ(loser.verdict, authorization_verdict::stored_before);
        EXPECT_EQ(loser.stored.sealed_voucher, (bytes{static_cast<uint8_t>(first_won ? 1 : 2), round}));
    }
    EXPECT_EQ(p.audit_outcomes(d).size(), 2U + rounds) << "one decision each";
}

// The whole decision, each in a turn of its own as berthd makes it.
TEST_F(TwoMasas, GiveOneAnswerToOneRequest) {
    node first(p);
    node second(p);
    for (int round = 0; round < 10; ++round) {
        const std::string serial = fmt::format("SN-{}", round);
        const auto d = p.make_device(serial, "Birch");
        onboarding_scene s(p, d, birch);
        std::optional<authorization_request> asked;
        s.tamper = [&](leg l, bytes octets) {
            bytes rest;
            for (const auto& f : frames_of(octets)) {
                if (l == leg::registrar_to_masa && f.is(message_type::authorization_request)) {
                    asked = got(wire::decode<authorization_request>(f.body.view()));
                } else {
                    append(rest, *wire::encode(f));
                }
            }
            return rest;
        };
        s.start();
        s.run();
        ASSERT_TRUE(asked);
        const session_open about{d.identity.device_root_spki, serial_field(std::string_view(serial)), d.z3.front().sha256()};
        const auto decide = [&](node& at) -> result<authorization> {
            together.arrive_and_wait();
            BERTH_CHECK(at.store->begin_batch());
            auto out = at.service.decide(kk1_peer{birch.z4}, about, asked->kk3_id, asked->bi2.view());
            BERTH_CHECK(at.store->end_batch());
            return out;
        };
        auto other = std::async(std::launch::async, [&] { return decide(second); });
        const auto one = decide(first);
        const auto two = other.get();
        ASSERT_TRUE(one) << one.error().name;
        ASSERT_TRUE(two) << two.error().name;
        EXPECT_EQ(one->bi3.value, two->bi3.value);
        EXPECT_EQ(one->sealed_voucher.value, two->sealed_voucher.value);
        EXPECT_THAT(p.audit_outcomes(d), testing::ElementsAre("manufactured ok", "assigned ok", "authorized ok"));
    }
}

}  // namespace
}  // namespace berth::test
