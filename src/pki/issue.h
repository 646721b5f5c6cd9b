// Making certificates.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/sign.h"
#include "pki/certificate.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace berth::pki {

// A distinguished name, in the order given. serialNumber and countryName are PrintableString, all else
// UTF8String.
struct distinguished_name {
    std::vector<std::pair<std::string, std::string>> attributes;  // short name ("CN", "O", "serialNumber"), value

    distinguished_name& add(std::string attribute, std::string value) {
        attributes.emplace_back(std::move(attribute), std::move(value));
        return *this;
    }
};

struct subject_alt_names {
    std::vector<std::string> dns;
    std::vector<std::string> uris;
    std::optional<hardware_module> hardware;
    std::optional<permanent_identifier> permanent_id = {};
    bool empty() const noexcept { return dns.empty() && uris.empty() && !hardware && !permanent_id; }
};

struct name_constraints {
    std::vector<std::string> permitted_dns;
    std::vector<std::string> excluded_dns;
    std::vector<std::string> permitted_uri_hosts;
    bool empty() const noexcept { return permitted_dns.empty() && excluded_dns.empty() && permitted_uri_hosts.empty(); }
};

struct certificate_template {
    distinguished_name subject;
    unix_seconds not_before = 0;
    unix_seconds not_after = no_expiry;
    bool is_ca = false;
    std::optional<uint32_t> path_length;  // CAs only
    std::optional<uint16_t> key_usage;    // key_usage_bits; critical
    std::vector<std::string> extended_key_usages;
    subject_alt_names alt_names;
    std::vector<std::string> policies;
    name_constraints constraints;  // CAs only; critical
};

// The serial number is 128 random bits (positive, not zero), drawn before anything else.

// A self-signed certificate for `key`. Errors bad_template (what and why).
result<certificate> issue_self_signed(const certificate_template& contents, const crypto::signing_key& key,
                                      random_source& random);

// A certificate over `subject_spki`, signed by `issuer` with `issuer_key`. Errors: bad_template;
// unsupported_key_algorithm, bad_public_key (of subject_spki); issuer_key_mismatch; bad_key_usage (issuer may
// not sign certificates); signing_failed. SKI and AKI are always present: the first 160 bits of SHA-256 of
// the key (RFC 7093 method 1).
result<certificate> issue(const certificate_template& contents, bytes_view subject_spki, const certificate& issuer,
                          const crypto::signing_key& issuer_key, random_source& random);

// The same subject, key and extensions under another issuer: a root under somebody else's, a TPM's endorsement certificate
// under the maker of the device. Key identifiers stay, so that what the subject has signed finds its way; where the old issuer
// publishes lists and certificates is left out. The subject's key may be RSA of 2048 bits or more. Errors: bad_template (times);
// weak_key; issuer_key_mismatch; bad_key_usage; signing_failed.
result<certificate> cross_sign(const certificate& subject, unix_seconds not_before, unix_seconds not_after,
                               const certificate& issuer, const crypto::signing_key& issuer_key, random_source& random);

}  // namespace berth::pki
