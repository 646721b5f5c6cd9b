// The peer's certificate chain: how it is judged, and what is known of the peer afterwards.
#pragma once

#include "authkem/certificate.h"
#include "authkem/verified_leaf_cache.h"
#include "pki/trust.h"
#include "pki/verify.h"

#include <functional>

namespace berth::authkem {

// Profile 7: "Names and extended key usage of the peer's leaf are judged by a policy callback of the caller,
// run where the chain is judged and after it (not under provisional acceptance)". An error refuses the peer;
// its parameter "alert", if any, names the alert, else it is chosen by the error's name, else
// bad_certificate.
using peer_policy = std::function<result<void>(const pki::verified_chain&)>;

// The ready-made policy of most clients: the leaf names this host and is for server authentication. Error
// `wrong_server_name`, `wrong_key_purpose`.
peer_policy server_named(std::string host);
// The leaf is for this purpose, an OID of pki/certificate.h. Error `wrong_key_purpose`.
peer_policy for_purpose(std::string_view oid);

// What a chain is judged by.
struct chain_rules {
    std::optional<pki::trust_store> trust;
    pki::crl_policy revocation = pki::crl_policy::if_present;
    size_t max_intermediates = 4;
    bool allow_rsa = false;
    // The instants to judge at when the true time is only known to lie in an interval; else the clock's now.
    std::optional<pki::validity_instants> time;
    peer_policy policy;
    // Provisional acceptance: the leaf's own rules are judged, its chain is not.
    bool possession_only = false;
    std::shared_ptr<verified_leaf_cache> cache;
    // Digest of what a cached proof depends on besides chain and time; made by context::make.
    verified_leaf_cache::key cache_scope{};
};
verified_leaf_cache::key cache_scope_of(const chain_rules& rules);

enum class verification : uint8_t {
    none,             // the client showed no certificate
    verified,         // chain and policy judged
    possession_only,  // provisional: the peer holds the leaf's key, nothing else is known
    predistributed,   // the peer holds the key that we were given beforehand; there is no chain
};
std::string_view name_of(verification v);

// The proof that a peer's leaf may be encapsulated to: judge_peer() accepted it. Move-only.
class judged_peer {
public:
    judged_peer(judged_peer&&) noexcept = default;
    judged_peer& operator=(judged_peer&&) noexcept = default;
    judged_peer(const judged_peer&) = delete;
    judged_peer& operator=(const judged_peer&) = delete;

    [[nodiscard]] const crypto::kem_public_key& key() const { return key_; }
    [[nodiscard]] verification state() const { return verified_ ? verification::verified : verification::possession_only; }

private:
    friend result<judged_peer> judge_peer(const der_chain&, const chain_rules&, const std::vector<scheme>&, const clock&);
    friend class peer_identity;
    judged_peer(crypto::kem_public_key key, std::shared_ptr<const pki::verified_chain> verified,
                std::vector<pki::certificate> unverified)
        : key_(std::move(key)), verified_(std::move(verified)), unverified_(std::move(unverified)) {}
    crypto::kem_public_key key_;
    std::shared_ptr<const pki::verified_chain> verified_;
    std::vector<pki::certificate> unverified_;
};

// Judges a chain that has at least one certificate. Errors of pki::verify_chain and of the policy, with the
// alert of profile 2 and 4.
result<judged_peer> judge_peer(const der_chain& chain, const chain_rules& rules, const std::vector<scheme>& accepted,
                               const clock& time);

// Who the peer of a completed handshake is. In every state but `none` it has proved possession of its key.
class peer_identity {
public:
    static peer_identity anonymous() { return peer_identity(verification::none); }
    static peer_identity holder_of(crypto::kem_public_key predistributed);
    explicit peer_identity(judged_peer&& peer);

    [[nodiscard]] verification state() const { return state_; }
    // Leaf first, anchor excluded when verified; as sent when not. Empty for `none` and `predistributed`.
    [[nodiscard]] std::span<const pki::certificate> chain() const;
    // Null for `none`, and after forget_chain().
    [[nodiscard]] const crypto::kem_public_key* key() const { return key_ ? &*key_ : nullptr; }
    // Null unless verified.
    [[nodiscard]] const pki::verified_chain* verified() const { return verified_.get(); }

    // chain() is then empty and verified() null; state() and key_sha256() stay.
    void forget_chain();
    // SHA-256 of the SubjectPublicKeyInfo of the peer's key; zeros for `none`.
    [[nodiscard]] const std::array<uint8_t, 32>& key_sha256() const { return key_sha256_; }

    // Judges a provisionally accepted chain after all: possession_only becomes verified. Errors as
    // judge_peer; `nothing_to_verify` (usage) in any other state.
    result<void> verify(const chain_rules& rules, const clock& time);

private:
    explicit peer_identity(verification v) : state_(v) {}
    verification state_;
    std::optional<crypto::kem_public_key> key_;
    std::array<uint8_t, 32> key_sha256_{};
    std::shared_ptr<const pki::verified_chain> verified_;
    std::vector<pki::certificate> unverified_;
};

}  // namespace berth::authkem
