#include "pki/trust.h"

#include "pki/crl_issuer.h"
#include "pki/trust_openssl.h"

namespace berth::pki {

namespace {

// Of each issuer and scope the newest. One CA may borrow another's name and key identifier, hence the key that signed, where it
// is known.
using signer_key = std::array<uint8_t, 32>;

signer_key signer_of(const crl& list, const trust_store::contents& known) {
    for (const auto* certificates : {&known.anchors, &known.intermediates}) {
        for (const certificate& c : *certificates) {
            if (names_issuer(list, c) && list.check_signature(c)) {
                return c.spki_sha256();
            }
        }
    }
    return {};
}

result<std::vector<crl>> newest(const trust_store::contents& from) {
    std::map<std::tuple<std::pair<bytes, bytes>, signer_key, std::string>, crl> kept;
    for (const crl& list : from.crls) {
        const auto [at, is_new] = kept.try_emplace({named_issuer(list), signer_of(list, from), scope_name(list)}, list);
        if (is_new || same_octets(at->second.der(), list.der())) {
            continue;
        }
        if (age_of(at->second) == age_of(list)) {
            return fail(error{error_category::usage, "duplicate_crl",
                              "There are two different revocation lists number " + std::to_string(list.number()) + " of " +
                                  list.issuer() + ". Keep the one that its issuer publishes."}
                            .with("issuer", list.issuer()));
        }
        if (age_of(at->second) < age_of(list)) {
            at->second = list;
        }
    }
    std::vector<crl> out;
    for (auto& [key, list] : kept) {
        out.push_back(std::move(list));
    }
    return out;
}

}  // namespace

bool trust_store::impl::crl_is_signed_by(size_t i, const certificate& issuer) const {
    const std::pair key{i, issuer.spki_sha256()};
    {
        const std::lock_guard lock(mutex_);
        if (const auto at = judged_.find(key); at != judged_.end()) {
            return at->second;
        }
    }
    const bool good = crls[i].check_signature(issuer).has_value();
    const std::lock_guard lock(mutex_);
    // Peers choose issuers' keys; what they can make us remember is bounded.
    if (judged_.size() < 1024) {
        judged_.emplace(key, good);
    }
    return good;
}

bool trust_store::impl::ca_is_signed_by(const certificate& ca, const certificate& issuer) const {
    const std::pair key{ca.sha256(), issuer.spki_sha256()};
    {
        const std::lock_guard lock(mutex_);
        if (signed_.contains(key)) {
            return true;
        }
    }
    if (!ca.check_signature(issuer)) {
        return false;
    }
    const std::lock_guard lock(mutex_);
    if (signed_.size() < 1024) {
        signed_.insert(key);
    }
    return true;
}

result<trust_store> trust_store::build(contents c) {
    auto made = std::make_shared<impl>();
    made->store.reset(crypto::must(X509_STORE_new(), "making a trust store"));
    for (const certificate& anchor : c.anchors) {
        // A leaf in a store that accepts partial chains would vouch for itself.
        if (!anchor.is_ca()) {
            return fail(error{error_category::usage, "bad_anchor",
                              "Only the certificate of a CA can be trusted to vouch for others, and that of " + anchor.subject() +
                                  " is none."}
                            .with("subject", anchor.subject()));
        }
        crypto::must(X509_STORE_add_cert(made->store.get(), anchor.get().x509.get()), "filling a trust store");
    }
    BERTH_TRY(crls, newest(c));
    made->anchors = std::move(c.anchors);
    made->intermediates = std::move(c.intermediates);
    made->crls = std::move(crls);
    return trust_store(std::move(made));
}

result<trust_store> trust_store::from_root(const certificate& root) {
    return build({{root}, {}, {}});
}

std::span<const certificate> trust_store::anchors() const noexcept {
    return impl_->anchors;
}
std::span<const certificate> trust_store::intermediates() const noexcept {
    return impl_->intermediates;
}
std::span<const crl> trust_store::crls() const noexcept {
    return impl_->crls;
}

}  // namespace berth::pki
