// Internal: what a trust store is made of.
#pragma once

#include "pki/certificate_openssl.h"
#include "pki/trust.h"

#include <map>
#include <mutex>
#include <set>

namespace berth::pki {

using x509_store_ptr = crypto::openssl_ptr<X509_STORE, X509_STORE_free>;

struct trust_store::impl {
    std::vector<certificate> anchors;
    std::vector<certificate> intermediates;
    std::vector<crl> crls;
    x509_store_ptr store;  // the anchors

    // Whether crls[i] is signed by a key; judged once, since an ML-DSA verification costs as much as the
    // rest.
    bool crl_is_signed_by(size_t i, const certificate& issuer) const;
    // The same of a CA's certificate: whoever comes with the same issuers shows the same signatures again.
    bool ca_is_signed_by(const certificate& ca, const certificate& issuer) const;

private:
    using digest = std::array<uint8_t, 32>;
    mutable std::mutex mutex_;
    mutable std::map<std::pair<size_t, digest>, bool> judged_;
    mutable std::set<std::pair<digest, digest>> signed_;  // certificate, key: those that are
};

}  // namespace berth::pki
