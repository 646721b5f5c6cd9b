// Certificate revocation lists (RFC 5280 section 5).
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "crypto/sign.h"
#include "pki/certificate.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::pki {

enum class revocation_reason : uint8_t {
    unspecified = 0,
    key_compromise = 1,
    ca_compromise = 2,
    affiliation_changed = 3,
    superseded = 4,
    cessation_of_operation = 5,
    certificate_hold = 6,
    privilege_withdrawn = 9,
};

std::string_view to_string(revocation_reason reason) noexcept;

struct revoked_entry {
    bytes serial;  // big-endian magnitude, as certificate::serial()
    unix_seconds revoked_at = 0;
    revocation_reason reason = revocation_reason::unspecified;
};

class crl {
public:
    // Error bad_crl: not exactly one DER CRL. The signature is judged by whoever verifies with it.
    static result<crl> parse(bytes_view der);
    static result<std::vector<crl>> parse_pem_all(std::string_view pem);

    bytes_view der() const noexcept;
    std::string to_pem() const;
    const std::string& issuer() const noexcept;
    uint64_t number() const noexcept;  // 0 when absent
    unix_seconds this_update() const noexcept;
    unix_seconds next_update() const noexcept;  // 0 when absent
    const std::vector<revoked_entry>& revoked() const noexcept;
    std::optional<revoked_entry> find(bytes_view serial) const;

    // Error bad_crl_signature.
    result<void> check_signature(const certificate& issuer) const;

    struct impl;  // defined in certificate_openssl.h
    explicit crl(std::shared_ptr<const impl> i) noexcept : impl_(std::move(i)) {}
    const impl& get() const noexcept { return *impl_; }

private:
    std::shared_ptr<const impl> impl_;
};

struct crl_template {
    uint64_t number = 1;
    unix_seconds this_update = 0;
    unix_seconds next_update = 0;
    std::vector<revoked_entry> revoked;
};

// The CRL signed by `issuer` with `key`, which must be its key (error issuer_key_mismatch); the issuer needs
// cRLSign (error bad_key_usage).
result<crl> issue_crl(const crl_template& contents, const certificate& issuer, const crypto::signing_key& key);

}  // namespace berth::pki
