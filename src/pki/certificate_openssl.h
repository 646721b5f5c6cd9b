// Internal to pki, keystore and net: what certificates and CRLs are made of, and the way in for libssl's.
#pragma once

#include "pki/certificate.h"
#include "pki/crl.h"
#include "pki/crl_scope.h"
#include "pki/pki_openssl.h"

#include <mutex>

namespace berth::pki {

struct to_be_signed;

// libcrypto's reading of a certificate: of one from elsewhere there from the start, of one that was made here when somebody asks
// for it, since libcrypto decodes its key along with it, which takes as long as everything else about making it.
class x509_reading {
public:
    explicit x509_reading(const bytes& der) : der_(der) {}
    X509* get() const;
    void set(x509_ptr read) noexcept { x509_ = std::move(read); }

private:
    const bytes& der_;
    mutable std::once_flag once_;
    mutable x509_ptr x509_;
};

struct certificate::impl {
    x509_reading x509{der};
    bytes der;
    std::array<uint8_t, 32> sha256{};
    bytes spki;
    std::array<uint8_t, 32> spki_sha256{};
    std::string subject;
    std::string issuer;
    bytes subject_der;
    bytes issuer_der;
    bytes serial;  // magnitude
    unix_seconds not_before = 0;
    unix_seconds not_after = 0;
    std::string key_oid;
    std::optional<uint16_t> key_usage;
    std::vector<std::string> extended_key_usages;
    std::vector<std::string> policies;
    subject_alt_names alt_names;
    bytes alt_names_value;  // the whole subjectAltName; empty: none

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

// A certificate of what was just signed here. What is said of it is read from its octets, as of any other. Error bad_certificate.
result<certificate> certificate_made_here(bytes der, const to_be_signed& contents);

}  // namespace berth::pki
