// What a client does with the CA certificates of an EST server: whom it trusts from then on (RFC 7030 4.1).
#pragma once

#include "pki/certificate.h"

namespace berth::est {

struct ca_bundle {
    std::vector<pki::certificate> roots;          // self-signed CAs, each once
    std::vector<pki::certificate> intermediates;  // other CAs, links of a rollover (OldWithNew, NewWithOld) among them
};
// Error bad_ca_certificates: none at all, a certificate that is no CA's or may not sign certificates, one that says to be
// self-signed and is not.
result<ca_bundle> sort_ca_certificates(std::span<const pki::certificate> received);

struct trust_update {
    std::vector<pki::certificate> anchors;  // to trust from now on
    std::vector<pki::certificate> intermediates;
    std::vector<pki::certificate> added;    // of the anchors: not trusted before
    std::vector<pki::certificate> missing;  // trusted before, and not among those received: given up
};

// For a client that knows nobody: by RFC 7030 4.1.1 a person then authorises the CA certificate by what he was told
// otherwise, such as its fingerprint. The SHA-256 of the certificate or of its key. Errors of
// sort_ca_certificates; fingerprint_unknown: no root has it. Only the root that has it is trusted.
result<trust_update> bootstrap_trust(std::span<const pki::certificate> received, const std::array<uint8_t, 32>& fingerprint);

// For a client with anchors of its own: a root is trusted if it is one of `current`, or if a link among those received leads
// from one that is (NewWithOld, RFC 4210 4.4: the new key, certified by the old one and valid at `now`). Errors of
// sort_ca_certificates; no_link_to_trust: none of the roots is trusted.
result<trust_update> update_trust(std::span<const pki::certificate> current, std::span<const pki::certificate> received,
                                  unix_seconds now);

}  // namespace berth::est
