// PKCS#10 for keys that cannot sign (RFC 9883): the request for an ML-KEM key is signed by a signature key of the same
// subject, and names that key's certificate in a privateKeyPossessionStatement.
#pragma once

#include "crypto/kem.h"
#include "pki/csr.h"
#include "pki/verify.h"

namespace berth::pki {

// A request for `key`, signed by `signer_key`, whose certificate is `signer`. Without `carry` the statement names the
// certificate only, for CAs that issued it themselves. Errors bad_template; issuer_key_mismatch: the certificate is of another
// key; signing_failed.
result<bytes> build_kem_csr(const csr_template& contents, const crypto::kem_public_key& key, const certificate& signer,
                            const crypto::signing_key& signer_key, bool carry = true);

struct possession_rules {
    const trust_store& trust;
    verify_options options;  // its leaf rule is `signature`, whatever it says
    // Signers that a statement may name without carrying their certificate, and intermediates for all of them.
    std::span<const certificate> known = {};
    // RFC 9883 4: "The subject in the signature certificate SHOULD be the same as the subject name in the certificate
    // request. If they are different, the certificate policy MUST describe how the CA can determine that the two subject
    // names identify the same entity", and likewise subject alternative names. False: the caller does that.
    bool same_names = true;
};

// A request whose statement was verified: somebody who holds the certified signature key says to hold the KEM key too. It is a
// statement, not a proof: the KEM key itself was not used.
class verified_kem_csr {
public:
    // Errors of parse_csr_contents, of kem_public_key::from_spki (unsupported_key_algorithm: also a signature key, since RFC
    // 9883 6 says "MUST NOT be used to obtain a signature certificate"), of verify_chain for the signer's chain;
    // statement_missing, bad_statement, signer_unknown (named, not carried, not known), bad_signature, wrong_key_usage (asks
    // for more than keyEncipherment), names_differ.
    static result<verified_kem_csr> parse(bytes_view der, const possession_rules& rules);
    // Of one that was read: errors of parse() but those of parse_csr_contents.
    static result<verified_kem_csr> prove(const unproved_csr& read, const possession_rules& rules);

    bytes_view der() const noexcept { return der_; }
    const crypto::kem_public_key& key() const noexcept { return key_; }
    const csr_contents& asks() const noexcept { return asks_; }  // without the statement
    const verified_chain& signer() const noexcept { return signer_; }

private:
    verified_kem_csr(bytes_view der, crypto::kem_public_key key, csr_contents asks, verified_chain signer)
        : der_(to_bytes(der)), key_(std::move(key)), asks_(std::move(asks)), signer_(std::move(signer)) {}
    bytes der_;
    crypto::kem_public_key key_;
    csr_contents asks_;
    verified_chain signer_;
};

// Whether two sets of names are the same: attribute by attribute in the order given, alternative names by their octets or,
// where all of them are of kinds that we know, as sets.
bool same_names(const csr_contents& asked, const certificate_names& present);

}  // namespace berth::pki
