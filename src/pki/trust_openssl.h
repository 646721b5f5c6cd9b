// Internal: what a trust store is made of.
#pragma once

#include "pki/certificate_openssl.h"
#include "pki/trust.h"

#include <map>
#include <mutex>
#include <unordered_map>

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

    // Ways to an anchor that were found, by all that they depend on: who comes back with the same certificates, on a connection
    // that stays or on another, has the same way. When it was judged and what was revoked since is no part of it. Only what was
    // accepted is remembered, and of that the last some hundred, so that nobody can have us remember much.
    std::optional<std::vector<certificate>> known_way(const std::string& name) const;
    void remember_way(const std::string& name, const std::vector<certificate>& way) const;

private:
    using ways = std::unordered_map<std::string, std::vector<certificate>>;
    static constexpr size_t most_ways = 128;

    mutable std::mutex mutex_;
    mutable std::map<std::pair<size_t, std::array<uint8_t, 32>>, bool> judged_;
    mutable ways newer_;
    mutable ways older_;
};

}  // namespace berth::pki
