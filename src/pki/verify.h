// Certificate path validation with errors that say which certificate broke which rule.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "pki/certificate.h"
#include "pki/trust.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace berth::pki {

// What the leaf must be. keyUsage, where present, is judged exactly; extended key usage and names are the
// caller's policy (certificate::has_eku, has_dns_name).
enum class leaf_rule : uint8_t {
    kem,        // KEM key; keyUsage if present exactly keyEncipherment; not a CA
    signature,  // signature key; keyUsage if present includes digitalSignature; not a CA
    ca,         // a CA certificate with keyCertSign
    // A TPM's endorsement key: RSA of 2048 bits or more, P-256 or P-384; keyUsage, if present, keyEncipherment or keyAgreement;
    // the TCG's extended key usage; not a CA. With allow_rsa, since TPM makers sign with RSA too.
    endorsement,
};

enum class crl_policy : uint8_t {
    none,        // CRLs are not looked at
    if_present,  // a certificate whose issuer has a CRL in the store is checked against it
    always,      // every certificate below the anchor needs one (error crl_missing)
};

// The instants at which validity is judged. They differ when the true time is only known to lie in an
// interval (onboarding section 4, "Time"): notBefore and thisUpdate at the upper end, notAfter and nextUpdate
// at the lower.
struct validity_instants {
    unix_seconds not_before_at = 0;
    unix_seconds not_after_at = 0;
    static validity_instants at(unix_seconds now) noexcept { return {now, now}; }
    // now lies in [earliest, latest].
    static validity_instants between(unix_seconds earliest, unix_seconds latest) noexcept { return {latest, earliest}; }
};

struct verify_options {
    validity_instants time;
    leaf_rule leaf = leaf_rule::kem;
    crl_policy revocation = crl_policy::if_present;
    // Certificates between leaf and anchor.
    size_t max_intermediates = 4;
    // Classical RSA issuers (2048 bits or more), for peers that we do not choose.
    bool allow_rsa = false;
};

// verified_chain is the proof that verify_chain() accepted; nothing else makes one.
class verified_chain {
public:
    verified_chain(verified_chain&&) noexcept = default;
    verified_chain& operator=(verified_chain&&) noexcept = default;
    verified_chain(const verified_chain&) = delete;
    verified_chain& operator=(const verified_chain&) = delete;

    const certificate& leaf() const noexcept { return chain_.front(); }
    // Leaf first, anchor excluded.
    std::span<const certificate> chain() const noexcept { return chain_; }
    const certificate& anchor() const noexcept { return anchor_; }

private:
    friend struct chain_verifier;
    verified_chain(std::vector<certificate> chain, certificate anchor) : chain_(std::move(chain)), anchor_(std::move(anchor)) {}
    std::vector<certificate> chain_;
    certificate anchor_;
};

// Builds and judges a path from leaf_first[0] to an anchor; the other certificates given are candidates for
// issuers, as are the store's intermediates. An anchor that was sent along is ignored.
//
// The leaf's own rules are judged before its chain. Errors (category peer), each with params "index"
// (position in the path, leaf 0), "subject" and where it helps "issuer":
//   bad_certificate            malformed, a CA as leaf, unknown critical extension, bad key, empty input
//   unsupported_certificate    the leaf's key is not of the kind that leaf_rule asks for
//   bad_key_usage              keyUsage forbids what the certificate is used for
//   unknown_issuer             no path to an anchor of this store
//   certificate_expired, certificate_not_yet_valid
//   certificate_revoked        with param "reason"
//   bad_certificate_signature
//   not_a_ca                   an issuer whose certificate is not a CA's
//   path_too_long              pathLenConstraint or max_intermediates
//   name_constraint_violated
//   weak_key                   a key or signature below 128 bits of security, or RSA where not allowed
//   crl_missing, crl_expired, crl_not_yet_valid, bad_crl
result<verified_chain> verify_chain(const trust_store& store, std::span<const certificate> leaf_first,
                                    const verify_options& options);

}  // namespace berth::pki
