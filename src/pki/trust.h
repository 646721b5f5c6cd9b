// What a verifier starts from: anchors, further CA certificates, revocation lists.
#pragma once

#include "base/result.h"
#include "pki/certificate.h"
#include "pki/crl.h"

#include <array>
#include <memory>
#include <span>
#include <vector>

namespace berth::pki {

// trust_store is immutable, shared, and cheap to copy; building it costs, verifying with it does not. To
// change trust, build another one.
class trust_store {
public:
    struct contents {
        // Trusted whatever they say of themselves, but each must be a CA certificate.
        std::vector<certificate> anchors;
        // Not trusted: issuers that a peer may leave out of its chain.
        std::vector<certificate> intermediates;
        std::vector<crl> crls;
    };

    // Errors bad_anchor (not a CA certificate: a leaf among anchors would vouch for itself),
    // duplicate_crl (two lists of one issuer with the same number but different octets).
    // Of two lists of one issuer the one with the higher number is kept.
    static result<trust_store> build(contents c);

    // One self-signed root, no CRL.
    static result<trust_store> from_root(const certificate& root);

    std::span<const certificate> anchors() const noexcept;
    std::span<const certificate> intermediates() const noexcept;
    std::span<const crl> crls() const noexcept;

    struct impl;
    explicit trust_store(std::shared_ptr<const impl> i) noexcept : impl_(std::move(i)) {}
    const impl& get() const noexcept { return *impl_; }

private:
    std::shared_ptr<const impl> impl_;
};

}  // namespace berth::pki
