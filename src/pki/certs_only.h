// Bundles of certificates as CMS SignedData that nobody signed ("certs-only", RFC 5272 4.1; RFC 5652 5): what EST answers with.
#pragma once

#include "pki/certificate.h"
#include "pki/crl.h"

namespace berth::pki {

struct certs_only {
    std::vector<certificate> certificates;  // as sent: the set has no order that means anything
    std::vector<crl> crls;
};

struct certs_only_limits {
    size_t octets = 1024 * 1024;  // an ML-DSA-87 certificate has some 7 500
    size_t certificates = 64;
    size_t crls = 16;
};

// DER but for the order of certificates, which stays as given: readers exist that take the first for their own.
bytes build_certs_only(std::span<const certificate> certificates, std::span<const crl> crls = {});

// Error bad_certs_only: not exactly one such structure (BER is taken, since others send it), it is signed or has content, or
// there are more octets, certificates or lists than the limits allow. bad_certificate, bad_crl of what is in it.
result<certs_only> parse_certs_only(bytes_view der, const certs_only_limits& limits = {});

}  // namespace berth::pki
