#include "authkem/peer.h"

#include "crypto/hash.h"

#include <algorithm>
#include <array>

namespace berth::authkem {

namespace {

struct named_alert {
    std::string_view error;
    alert value;
};

// Profile 4: "answers with the fitting alert (`bad_certificate`, `unknown_ca`, `certificate_expired`,
// `certificate_revoked`, `unsupported_certificate`)". What is not here is bad_certificate.
constexpr std::array alerts{
    named_alert{"unsupported_certificate", alert::unsupported_certificate},
    named_alert{"unsupported_key_algorithm", alert::unsupported_certificate},
    named_alert{"unknown_issuer", alert::unknown_ca},
    named_alert{"certificate_expired", alert::certificate_expired},
    named_alert{"certificate_not_yet_valid", alert::certificate_expired},
    named_alert{"certificate_revoked", alert::certificate_revoked},
};

tl::unexpected<error> refuse_chain(error e) {
    for (const auto& [key, value] : e.params) {
        if (key == "alert") {
            return fail(std::move(e));
        }
    }
    const auto* const found = std::find_if(alerts.begin(), alerts.end(), [&](const named_alert& n) { return e.is(n.error); });
    return refuse(found != alerts.end() ? found->value : alert::bad_certificate, std::move(e));
}

// Profile 2: "the leaf's SubjectPublicKeyInfo is a KEM key of an offered scheme, else
// `unsupported_certificate`. keyUsage, if present, is keyEncipherment only. A leaf that breaks this rule, has
// algorithm parameters, or whose key fails its length, the FIPS 203 modulus check or the curve check is
// `bad_certificate`".
result<crypto::kem_public_key> judge_leaf(const pki::certificate& leaf, const std::vector<scheme>& accepted) {
    if (!leaf.is_kem()) {
        return refuse(alert::unsupported_certificate, "unsupported_certificate",
                      "the key of the peer's certificate is not a KEM key");
    }
    auto key = leaf.kem_key();
    if (!key) {
        return refuse_chain(std::move(key).error());
    }
    if (std::find(accepted.begin(), accepted.end(), key->algorithm()) == accepted.end()) {
        return refuse(alert::unsupported_certificate, "unsupported_certificate",
                      "the key of the peer's certificate is " + std::string(crypto::name_of(key->algorithm())) +
                          ", which is not accepted here");
    }
    if (leaf.key_usage() && *leaf.key_usage() != pki::key_encipherment) {
        return refuse(alert::bad_certificate, "bad_key_usage",
                      "the keyUsage of the peer's certificate must be keyEncipherment and nothing else");
    }
    if (leaf.is_ca()) {
        return refuse(alert::bad_certificate, "bad_certificate", "the peer's certificate is a CA certificate");
    }
    return key;
}

result<std::vector<pki::certificate>> parse_chain(const der_chain& chain) {
    std::vector<pki::certificate> out;
    out.reserve(chain.size());
    for (const bytes& der : chain) {
        auto parsed = pki::certificate::parse(der);
        if (!parsed) {
            return refuse_chain(std::move(parsed).error());
        }
        out.push_back(std::move(*parsed));
    }
    return out;
}

pki::verify_options options_of(const chain_rules& rules, const clock& time) {
    return {.time = rules.time.value_or(pki::validity_instants::at(time.now())),
            .leaf = pki::leaf_rule::kem,
            .revocation = rules.revocation,
            .max_intermediates = rules.max_intermediates,
            .allow_rsa = rules.allow_rsa};
}

result<std::shared_ptr<const pki::verified_chain>> verify(const std::vector<pki::certificate>& chain, const chain_rules& rules,
                                                          const clock& time) {
    if (!rules.trust) {
        return refuse(alert::internal_error, error{error_category::usage, "no_trust_store",
                                                   "no roots are configured that could vouch for the peer's certificate"});
    }
    auto verified = pki::verify_chain(*rules.trust, chain, options_of(rules, time));
    if (!verified) {
        return refuse_chain(std::move(verified).error());
    }
    return std::make_shared<const pki::verified_chain>(std::move(*verified));
}

result<void> apply_policy(const chain_rules& rules, const pki::verified_chain& chain) {
    if (rules.policy) {
        if (auto judged = rules.policy(chain); !judged) {
            return refuse_chain(std::move(judged).error());
        }
    }
    return {};
}

verified_leaf_cache::key key_of(const der_chain& chain, const chain_rules& rules) {
    crypto::hasher hash(crypto::hash_algorithm::sha256);
    hash.update(rules.cache_scope);
    for (const bytes& der : chain) {
        const auto size = static_cast<uint32_t>(der.size());
        const std::array<uint8_t, 4> length{static_cast<uint8_t>(size >> 24), static_cast<uint8_t>(size >> 16),
                                            static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)};
        hash.update(length).update(der);
    }
    return to_array<32>(hash.finish().view());
}

// From when to when a proof holds: the chain's certificates, and the CRLs that it was checked against.
std::pair<unix_seconds, unix_seconds> lifetime(const pki::verified_chain& chain, const chain_rules& rules) {
    unix_seconds from = 0;
    unix_seconds until = pki::no_expiry;
    for (const pki::certificate& c : chain.chain()) {
        from = std::max(from, c.not_before());
        until = std::min(until, c.not_after());
    }
    from = std::max(from, chain.anchor().not_before());
    until = std::min(until, chain.anchor().not_after());
    if (rules.revocation != pki::crl_policy::none) {
        for (const pki::crl& list : rules.trust->crls()) {
            from = std::max(from, list.this_update());
            until = list.next_update() != 0 ? std::min(until, list.next_update()) : until;
        }
    }
    return {from, until};
}

}  // namespace

std::string_view name_of(verification v) {
    switch (v) {
    case verification::none: return "none";
    case verification::verified: return "verified";
    case verification::possession_only: return "possession_only";
    case verification::predistributed: return "predistributed";
    }
    return "unknown";
}

peer_policy for_purpose(std::string_view oid) {
    return [oid = std::string(oid)](const pki::verified_chain& chain) -> result<void> {
        if (!chain.leaf().has_eku(oid)) {
            return refuse(alert::bad_certificate, "wrong_key_purpose",
                          "the peer's certificate is not issued for this purpose (extended key usage " + oid + ")");
        }
        return {};
    };
}

namespace {

// For people; a certificate may name many.
std::string names_in(const pki::certificate& leaf) {
    const auto& all = leaf.dns_names();
    return all.empty() ? "no host"
                       : fmt::format("{}{}",
                                     fmt::join(all.begin(),
                                               all.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(all.size(), 4)), ", "),
                                     all.size() > 4 ? ", ..." : "");
}

}  // namespace

peer_policy server_named(std::string host) {
    return [host = std::move(host),
            purpose = for_purpose(pki::oid_server_auth)](const pki::verified_chain& chain) -> result<void> {
        BERTH_CHECK(purpose(chain));
        if (!chain.leaf().has_dns_name(host)) {
            return refuse(alert::bad_certificate, "wrong_server_name",
                          fmt::format("the server's certificate is not issued for {}, but for {}", host, names_in(chain.leaf())));
        }
        return {};
    };
}

verified_leaf_cache::key cache_scope_of(const chain_rules& rules) {
    crypto::hasher hash(crypto::hash_algorithm::sha256);
    const std::array<uint8_t, 3> options{static_cast<uint8_t>(rules.revocation),
                                         static_cast<uint8_t>(std::min<size_t>(rules.max_intermediates, 255)),
                                         static_cast<uint8_t>(rules.allow_rsa)};
    hash.update(options);
    if (rules.trust) {
        const auto count = [&](size_t n) { hash.update(std::array{static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)}); };
        count(rules.trust->anchors().size());
        for (const pki::certificate& c : rules.trust->anchors()) {
            hash.update(c.sha256());
        }
        count(rules.trust->intermediates().size());
        for (const pki::certificate& c : rules.trust->intermediates()) {
            hash.update(c.sha256());
        }
        for (const pki::crl& list : rules.trust->crls()) {
            hash.update(crypto::sha256(list.der()).view());
        }
    }
    return to_array<32>(hash.finish().view());
}

result<judged_peer> judge_peer(const der_chain& chain, const chain_rules& rules, const std::vector<scheme>& accepted,
                               const clock& time) {
    // A proof is not kept for instants that the clock does not tell.
    verified_leaf_cache* const cache = rules.time || rules.possession_only ? nullptr : rules.cache.get();
    verified_leaf_cache::key key{};
    uint64_t generation = 0;
    if (cache != nullptr) {
        key = key_of(chain, rules);
        generation = cache->generation();
        if (auto known = cache->find(key, time.now())) {
            // The leaf's rules depend on `accepted`, which the cached proof does not; its key is decoded
            // already.
            BERTH_TRY(leaf_key, judge_leaf(known->leaf(), accepted));
            BERTH_CHECK(apply_policy(rules, *known));
            return judged_peer(std::move(leaf_key), std::move(known), {});
        }
    }
    // "the leaf is judged before its chain": a leaf that does not hold is told of before an issuer that does
    // not parse.
    BERTH_TRY(first, parse_chain({chain.front()}));
    BERTH_TRY(leaf_key, judge_leaf(first.front(), accepted));
    BERTH_TRY(rest, parse_chain({chain.begin() + 1, chain.end()}));
    std::vector<pki::certificate> certificates = std::move(first);
    std::move(rest.begin(), rest.end(), std::back_inserter(certificates));
    if (rules.possession_only) {
        return judged_peer(std::move(leaf_key), nullptr, std::move(certificates));
    }
    BERTH_TRY(verified, verify(certificates, rules, time));
    if (cache != nullptr) {
        const auto [from, until] = lifetime(*verified, rules);
        cache->insert(key, generation, verified, from, until);
    }
    BERTH_CHECK(apply_policy(rules, *verified));
    return judged_peer(std::move(leaf_key), std::move(verified), {});
}

peer_identity peer_identity::holder_of(crypto::kem_public_key predistributed) {
    peer_identity out(verification::predistributed);
    out.key_sha256_ = predistributed.spki_sha256();
    out.key_ = std::move(predistributed);
    return out;
}

peer_identity::peer_identity(judged_peer&& peer)
    : state_(peer.state()),
      key_(std::move(peer.key_)),
      key_sha256_(key_->spki_sha256()),
      verified_(std::move(peer.verified_)),
      unverified_(std::move(peer.unverified_)) {}

void peer_identity::forget_chain() {
    key_.reset();
    verified_.reset();
    std::vector<pki::certificate>().swap(unverified_);
}

std::span<const pki::certificate> peer_identity::chain() const {
    return verified_ ? verified_->chain() : std::span<const pki::certificate>(unverified_);
}

result<void> peer_identity::verify(const chain_rules& rules, const clock& time) {
    if (state_ != verification::possession_only || unverified_.empty()) {
        return fail(error_category::usage, "nothing_to_verify", "the peer's chain was not accepted provisionally");
    }
    BERTH_TRY(proof, authkem::verify(unverified_, rules, time));
    BERTH_CHECK(apply_policy(rules, *proof));
    verified_ = std::move(proof);
    unverified_.clear();
    state_ = verification::verified;
    return {};
}

}  // namespace berth::authkem
