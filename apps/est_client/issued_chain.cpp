#include "est_client/issued_chain.h"

#include "est/ca_certificates.h"
#include "pki/verify.h"

namespace berth::app {

std::vector<pki::certificate> issued_chain(const pki::certificate& leaf, std::span<const pki::certificate> cas) {
    const auto bundle = est::sort_ca_certificates(cas);
    const auto trust = bundle ? pki::trust_store::build({bundle->roots, bundle->intermediates, {}})
                              : result<pki::trust_store>(fail(bundle.error()));
    if (!trust) {
        return {leaf};
    }
    pki::verify_options how;
    how.time = pki::validity_instants::between(0, pki::no_expiry);
    how.leaf = leaf.is_kem() ? pki::leaf_rule::kem : pki::leaf_rule::signature;
    how.revocation = pki::crl_policy::none;
    how.allow_rsa = true;
    const auto verified = pki::verify_chain(*trust, std::span(&leaf, 1), how);
    return verified ? std::vector(verified->chain().begin(), verified->chain().end()) : std::vector{leaf};
}

}  // namespace berth::app
