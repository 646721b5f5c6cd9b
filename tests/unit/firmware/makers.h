// Signers, and documents that they sign.
#pragma once

#include "../jose/jose_keys.h"

#include "firmware/verify.h"

namespace berth::test {

struct maker {
    jose::signing_key alice = new_signer("ML-DSA-65", "alice"), bob = new_signer("ML-DSA-65", "bob"),
                      bob_es = new_signer("ES256", "bob"), online = new_signer("ML-DSA-44", "online"),
                      stranger = new_signer("ML-DSA-65", "stranger");

    [[nodiscard]] firmware::root_content root(uint64_t version = 1) const {
        firmware::root_content out;
        out.repository = "gw";
        out.version = version;
        out.issued = 1000;
        out.expires = 100'000;
        out.signers = {{"alice", {alice.pub}}, {"bob", {bob.pub, bob_es.pub}}, {"online", {online.pub}}};
        out.root = {{"alice", "bob"}, 1};
        out.release = {{"alice", "bob"}, 2};
        out.list = {{"online"}, 1};
        return out;
    }
    [[nodiscard]] static firmware::manifest manifest(uint64_t seq = 7) {
        firmware::manifest m;
        m.repository = "gw";
        m.seq = seq;
        m.version = "1." + std::to_string(seq);
        m.issued = 2000;
        m.expires = 90'000;
        m.vendor = "Acme";
        m.device_class = "gw-1";
        m.components = {{"rootfs", {std::string(64, 'a'), 5}, {}}};
        return m;
    }
    [[nodiscard]] static firmware::list_content list(uint64_t version = 1) {
        firmware::list_content l;
        l.repository = "gw";
        l.version = version;
        l.issued = 3000;
        l.expires = 10'000;
        return l;
    }
    template <class Content>
    [[nodiscard]] static firmware::document sign(const Content& content, const std::vector<jose::signing_key>& keys) {
        auto d = firmware::document::unsigned_of(to_json(content));
        for (const auto& key : keys) {
            EXPECT_TRUE(d.sign(key));
        }
        return d;
    }
    [[nodiscard]] firmware::trusted_root trusted() const { return trust_root(sign(root(), {alice})).value(); }
};

}  // namespace berth::test
