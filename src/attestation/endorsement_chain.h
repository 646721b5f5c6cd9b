// Whether a maker of TPMs stands behind an endorsement key: its certificate, verified to those makers that one believes.
#pragma once

#include "base/clock.h"
#include "pki/certificate.h"

namespace berth::attestation {

// CA certificates of makers, each believed as it stands: roots, roots under another root (cross-signed), intermediate ones.
class maker_roots {
public:
    // Error bad_anchor: one of them is no CA's, or there is none.
    static result<maker_roots> from(std::vector<pki::certificate> certificates);
    const std::vector<pki::certificate>& certificates() const noexcept { return certificates_; }

private:
    explicit maker_roots(std::vector<pki::certificate> certificates) : certificates_(std::move(certificates)) {}
    std::vector<pki::certificate> certificates_;
};

// An endorsement certificate that leads to one of them.
class verified_endorsement {
public:
    verified_endorsement(verified_endorsement&&) noexcept = default;
    verified_endorsement& operator=(verified_endorsement&&) noexcept = default;
    verified_endorsement(const verified_endorsement&) = delete;
    verified_endorsement& operator=(const verified_endorsement&) = delete;

    const pki::certificate& certificate() const noexcept { return certificate_; }

private:
    friend result<verified_endorsement> verify_endorsement(const pki::certificate&, const maker_roots&, unix_seconds);
    explicit verified_endorsement(pki::certificate certificate) : certificate_(std::move(certificate)) {}
    pki::certificate certificate_;
};

// Error ek_certificate_untrusted (why is said; not tcg-kp-EKCertificate among the reasons). Such certificates are signed with RSA
// as often as not, which nothing else of Berth takes.
result<verified_endorsement> verify_endorsement(const pki::certificate& endorsement, const maker_roots& makers, unix_seconds now);

}  // namespace berth::attestation
