#include "hub/login/trust.h"

#include "pki/crl_issuer.h"

#include <algorithm>

namespace berth::hub {

result<login_trust> login_trust::build(const std::vector<registry::registered_ca>& cas, const std::vector<pki::crl>& lists,
                                       unix_seconds now, std::span<const registry::signer_list> signers) {
    login_trust out;
    pki::trust_store::contents all;
    const auto at = [&](unix_seconds change) {
        if (change > now) {
            out.until_ = std::min(out.until_, change);
        }
    };
    for (const auto& ca : cas) {
        if (ca.state != registry::ca_state::verified) {
            continue;
        }
        at(ca.certificate.not_before());
        at(ca.certificate.not_after() + 1);
        at(ca.retires);
        if (ca.counts(now)) {
            all.anchors.push_back(ca.certificate);
        }
    }
    const auto keep_newest = [&out](const std::array<uint8_t, 32>& key, const pki::crl& list) {
        const auto [place, is_first] = out.lists_.try_emplace(key, list);
        if (!is_first && pki::age_of(place->second) < pki::age_of(list)) {
            place->second = list;
        }
    };
    all.crls = lists;
    for (const auto& list : lists) {
        const auto signer = std::ranges::find_if(all.anchors, [&](const pki::certificate& ca) {
            return pki::names_issuer(list, ca) && list.check_signature(ca).has_value();
        });
        if (signer == all.anchors.end()) {
            continue;
        }
        keep_newest(signer->spki_sha256(), list);
    }
    for (const auto& one : signers) {
        // Whose it is was found out before it was stored (registry::take_signer_list); a thousand of these for each of a hundred
        // CAs would keep the loop busy for minutes. Verification looks at the signature of those that it comes across.
        keep_newest(one.signer.spki_sha256(), one.list);
        all.crls.push_back(one.list);
    }
    if (!all.anchors.empty()) {
        BERTH_TRY(store, pki::trust_store::build(std::move(all)));
        out.store_ = std::move(store);
    }
    return out;
}

std::optional<pki::revoked_entry> login_trust::revoked(std::span<const listed_certificate> path) const {
    for (const auto& one : path) {
        if (const auto list = lists_.find(one.issuer_key); list != lists_.end()) {
            if (auto entry = list->second.find(one.serial)) {
                return entry;
            }
        }
    }
    return std::nullopt;
}

}  // namespace berth::hub
