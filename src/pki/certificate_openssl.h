// Internal to pki, keystore and net: what certificates and CRLs are made of, and the way in for libssl's.
#pragma once

#include "pki/certificate.h"
#include "pki/crl.h"
#include "pki/crl_scope.h"
#include "pki/pki_openssl.h"

#include <mutex>

namespace berth::pki {

struct certificate::impl {
    x509_ptr x509;
    bytes der;
    std::array<uint8_t, 32> sha256{};
    bytes spki;
    std::array<uint8_t, 32> spki_sha256{};
    std::string subject;
    std::string issuer;
    bytes subject_der;
    bytes issuer_der;
    unix_seconds not_before = 0;
    unix_seconds not_after = 0;
    std::string key_oid;
    std::optional<uint16_t> key_usage;
    std::vector<std::string> extended_key_usages;
    std::vector<std::string> policies;
    subject_alt_names alt_names;

    // Decoded by whoever asks first.
    mutable std::once_flag kem_once;
    mutable std::optional<result<crypto::kem_public_key>> kem;
    mutable std::once_flag verification_once;
    mutable std::optional<result<crypto::verification_key>> verification;
};

struct crl::impl {
    x509_crl_ptr x509_crl;
    bytes der;
    std::string issuer;
    bytes issuer_der;
    bytes authority_key_id;
    uint64_t number = 0;
    unix_seconds this_update = 0;
    unix_seconds next_update = 0;
    crl_scope scope;
    std::vector<revoked_entry> revoked;  // by serial
};

// A certificate that another library context parsed (libssl's peer certificate): parsed anew, so that its key
// is known.
result<certificate> certificate_from_x509(const X509* x509);

}  // namespace berth::pki
