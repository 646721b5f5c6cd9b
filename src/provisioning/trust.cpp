#include "provisioning/trust.h"

#include "hub/login/chain.h"

#include <algorithm>

namespace berth::provisioning {

namespace {

constexpr size_t most_sent = 16;

bool names(std::span<const pki::certificate> sent, const pki::certificate& ca) {
    return std::ranges::any_of(sent, [&](const auto& one) { return same_octets(one.issuer_der(), ca.subject_der()); });
}

}  // namespace

result<enrolment_trust> enrolment_trust::build(std::vector<registry::registered_ca> cas, const std::vector<pki::crl>& lists,
                                               unix_seconds now, std::span<const registry::signer_list> signers) {
    enrolment_trust out;
    for (const auto& ca : cas) {
        BERTH_TRY(one, hub::login_trust::build({ca}, lists, now, signers));
        out.until_ = std::min(out.until_, one.until());
        if (one.store()) {
            out.single_.push_back(std::move(one));
        }
    }
    out.all_ = std::move(cas);
    return out;
}

result<std::vector<issuer_above>> enrolment_trust::issuers_of(std::span<const pki::certificate> leaf_first,
                                                              unix_seconds now) const {
    if (leaf_first.size() > most_sent) {
        return fail(error_category::peer, "bad_certificate", "The peer sent more certificates than any chain has.");
    }
    std::vector<issuer_above> out;
    error why_not{
        error_category::peer, "unknown_issuer",
        "No CA that is registered, verified and in force is named in the chain; are intermediate certificates missing?"};
    for (const auto& one : single_) {
        if (!names(leaf_first, one.store()->anchors().front())) {
            continue;
        }
        const auto verified = hub::verify_login_chain(*one.store(), leaf_first, now);
        if (!verified) {
            why_not = verified.error();
            continue;
        }
        const auto chain = verified->chain();
        for (size_t i = 1; i < chain.size(); ++i) {
            out.push_back({i, chain[i]});
        }
        out.push_back({chain.size(), verified->anchor()});
    }
    if (out.empty()) {
        return fail(std::move(why_not));
    }
    // One between the leaf and a root was found with each root above it.
    const auto key = [](const issuer_above& i) { return std::pair(i.distance, i.certificate.sha256()); };
    std::ranges::sort(out, {}, key);
    const auto twice = std::ranges::unique(out, {}, key);
    out.erase(twice.begin(), twice.end());
    return out;
}

std::vector<const registry::registered_ca*> enrolment_trust::registrations_of(const pki::certificate& ca) const {
    std::vector<const registry::registered_ca*> out;
    for (const auto& one : all_) {
        if (one.certificate == ca) {
            out.insert(out.begin(), &one);
        } else if (same_octets(one.certificate.subject_der(), ca.subject_der()) &&
                   one.certificate.spki_sha256() == ca.spki_sha256()) {
            out.push_back(&one);
        }
    }
    return out;
}

}  // namespace berth::provisioning
