// The chain of the audit log, and its signed checkpoints.
#include "crypto/random.h"
#include "registry/audit.h"

namespace berth::registry {
namespace {

std::vector<audit_entry> chain_of(size_t n) {
    std::vector<audit_entry> out;
    audit_hash previous{};
    for (uint64_t i = 1; i <= n; ++i) {
        audit_entry e{i, {static_cast<unix_seconds>(i), "event", {{}, "SN"}, "Birch", "ok", ""}, previous, {}};
        e.hash = hash_of(i, e.what, previous);
        previous = e.hash;
        out.push_back(e);
    }
    return out;
}

std::string verify(const std::vector<audit_entry>& entries) {
    audit_verifier v;
    for (const auto& e : entries) {
        if (const auto ok = v.next(e); !ok) {
            return ok.error().name;
        }
    }
    return "whole";
}

TEST(Audit, AWholeChainVerifies) {
    EXPECT_EQ(verify(chain_of(20)), "whole");
}

TEST(Audit, EveryAlterationIsNoticed) {
    const auto good = chain_of(5);
    for (size_t i = 0; i < good.size(); ++i) {
        auto e = good;
        e[i].what.outcome = "refused";
        EXPECT_EQ(verify(e), "audit_altered") << i;
        e = good;
        e[i].what.at += 1;
        EXPECT_EQ(verify(e), "audit_altered") << i;
        e = good;
        e[i].hash[0] ^= 1;
        EXPECT_EQ(verify(e), "audit_altered") << i;
    }
    for (size_t i = 0; i + 1 < good.size(); ++i) {
        auto e = good;
        e.erase(e.begin() + static_cast<long>(i));
        EXPECT_EQ(verify(e), "audit_gap") << i;
    }
}

TEST(Audit, AHistoryWrittenAnewContradictsTheCheckpoint) {
    const auto key = crypto::signing_key::generate(crypto::signature_algorithm::mldsa65, crypto::system_random());
    auto entries = chain_of(5);
    const auto c = *sign_checkpoint(4, entries[3].hash, 99, key);
    audit_verifier honest;
    for (const auto& e : entries) {
        ASSERT_TRUE(honest.next(e));
    }
    EXPECT_TRUE(honest.check(c, key.public_key()));
    // All of it again, with one outcome changed: the chain holds, the checkpoint does not.
    audit_hash previous{};
    audit_verifier forged;
    for (auto& e : entries) {
        e.what.customer = "Cedar";
        e.previous = previous;
        e.hash = previous = hash_of(e.number, e.what, previous);
        ASSERT_TRUE(forged.next(e));
    }
    EXPECT_EQ(forged.check(c, key.public_key()).error().name, "audit_altered");
    auto other = c;
    other.at += 1;
    EXPECT_EQ(honest.check(other, key.public_key()).error().name, "bad_signature");
    // Cut short before the checkpoint.
    audit_verifier cut;
    for (const auto& e : chain_of(3)) {
        ASSERT_TRUE(cut.next(e));
    }
    const auto found = cut.check(c, key.public_key()).error();
    EXPECT_EQ(found.name, "audit_altered");
    EXPECT_NE(found.message.find("its end was cut off"), std::string::npos) << found.message;
}

}  // namespace
}  // namespace berth::registry
