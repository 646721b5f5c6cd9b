#include "ca/log.h"

#include "support/ca_world.h"

namespace berth::ca {

namespace {

using test::name_of_error;
using test::value_of;

std::string judge(const std::vector<issuance>& entries) {
    log_verifier verifier;
    for (const auto& e : entries) {
        if (const auto fits = verifier.next(e); !fits) {
            return fits.error().name;
        }
    }
    return "accepted";
}

TEST(IssuanceLog, EachChangeIsFound) {
    test::ca_world w;
    w.leaf("SN-1");
    w.leaf("SN-2", "lot");
    w.leaf("SN-3");
    const auto log = value_of(w.records->list({}));
    EXPECT_EQ(judge(log), "accepted");
    EXPECT_EQ(judge({log[0], log[2]}), "log_gap");
    EXPECT_EQ(judge({log[1]}), "log_gap");
    const std::vector<std::function<void(issuance&)>> changes{[](auto& e) { e.serial[0] ^= 1; },
                                                              [](auto& e) { e.certificate[9] ^= 1; },
                                                              [](auto& e) { e.subject += "x"; },
                                                              [](auto& e) { e.device.serial = "SN-9"; },
                                                              [](auto& e) { e.profile = "x"; },
                                                              [](auto& e) { e.proofs = "admin"; },
                                                              [](auto& e) { e.batch = ""; },
                                                              [](auto& e) { e.epoch = 9; },
                                                              [](auto& e) { e.at -= 1; },
                                                              [](auto& e) { e.not_after += 1; },
                                                              [](auto& e) { e.shard = 7; },
                                                              [](auto& e) { e.hash[0] ^= 1; },
                                                              [](auto& e) { e.issuer[0] ^= 1; },
                                                              [](auto& e) { e.requester += "y"; },
                                                              [](auto& e) { e.proof_anchor[0] ^= 1; },
                                                              [](auto& e) { e.proof_issuer[0] ^= 1; },
                                                              [](auto& e) { e.previous[0] ^= 1; },
                                                              [](auto& e) { e.not_before += 1; },
                                                              [](auto& e) { e.device.maker_root[0] ^= 1; },
                                                              [](auto& e) { e.origins.pop_back(); },
                                                              [](auto& e) { e.origins[0][0] ^= 1; },
                                                              [](auto& e) { e.tells_origins = false; }};
    for (size_t i = 0; i < changes.size(); ++i) {
        auto changed = log;
        changes[i](changed[1]);
        EXPECT_EQ(judge(changed), "log_altered") << i;
    }
    // What moves from one field into the next is another entry.
    auto moved = log;
    moved[1].requester += moved[1].proofs.substr(0, 1);
    moved[1].proofs.erase(0, 1);
    EXPECT_EQ(judge(moved), "log_altered");
}

}  // namespace

}  // namespace berth::ca
