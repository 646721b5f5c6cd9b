// PKCS#10 certification requests (RFC 2986).
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/sign.h"
#include "pki/issue.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::pki {

struct csr_template {
    distinguished_name subject;
    subject_alt_names alt_names;
    std::optional<std::string> challenge_password;  // RFC 2985; RFC 7030 section 3.5 puts channel binding here
};

// DER. Errors bad_template, signing_failed.
result<bytes> build_csr(const csr_template& contents, const crypto::signing_key& key);

// A request whose signature was verified with the key in it: possession of the key is proved by its
// existence.
class verified_csr {
public:
    // Errors bad_csr (not exactly one DER request, or an extension request that does not parse),
    // unsupported_key_algorithm, bad_public_key, bad_signature.
    static result<verified_csr> parse(bytes_view der);

    verified_csr(verified_csr&&) noexcept = default;
    verified_csr& operator=(verified_csr&&) noexcept = default;
    verified_csr(const verified_csr&) = delete;
    verified_csr& operator=(const verified_csr&) = delete;

    bytes_view der() const noexcept { return der_; }
    const crypto::verification_key& key() const noexcept { return key_; }
    const std::string& subject() const noexcept { return subject_; }  // one line, for people
    const distinguished_name& name() const noexcept { return name_; }
    const subject_alt_names& alt_names() const noexcept { return alt_names_; }
    const std::optional<std::string>& challenge_password() const noexcept { return challenge_password_; }
    std::optional<std::string> attribute(std::string_view short_name) const;  // the first of that name

private:
    explicit verified_csr(crypto::verification_key key) : key_(std::move(key)) {}
    bytes der_;
    crypto::verification_key key_;
    std::string subject_;
    distinguished_name name_;
    subject_alt_names alt_names_;
    std::optional<std::string> challenge_password_;
};

}  // namespace berth::pki
