#include "hub/login/trust.h"

#include <algorithm>

namespace berth::hub {

result<login_trust> login_trust::build(const std::vector<registry::registered_ca>& cas, const std::vector<pki::crl>& lists,
                                       unix_seconds now) {
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
    all.crls = lists;
    if (!all.anchors.empty()) {
        BERTH_TRY(store, pki::trust_store::build(std::move(all)));
        out.store_ = std::move(store);
    }
    return out;
}

}  // namespace berth::hub
