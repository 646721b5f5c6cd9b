// PKCS#10 certification requests (RFC 2986).
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/sign.h"
#include "pki/unproved_csr.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::pki {

struct csr_template {
    distinguished_name subject;
    subject_alt_names alt_names;
    std::optional<std::string> challenge_password;  // RFC 2985; RFC 7030 section 3.5 puts channel binding here
    std::optional<uint16_t> key_usage = {};         // key_usage_bits
    std::vector<std::string> extended_key_usages = {};
    std::vector<requested_extension> other_extensions = {};  // none of those above
    std::vector<requested_attribute> other_attributes = {};
};

// DER. Errors bad_template, signing_failed.
result<bytes> build_csr(const csr_template& contents, const crypto::signing_key& key);

// A request whose signature was verified with the key in it: possession of the key is proved by its
// existence.
class verified_csr {
public:
    // Errors of parse_csr_contents; unsupported_key_algorithm, bad_public_key, bad_signature.
    static result<verified_csr> parse(bytes_view der);
    // Of one that was read. Errors unsupported_key_algorithm, bad_public_key, bad_signature.
    static result<verified_csr> prove(const unproved_csr& read);

    verified_csr(verified_csr&&) noexcept = default;
    verified_csr& operator=(verified_csr&&) noexcept = default;
    verified_csr(const verified_csr&) = delete;
    verified_csr& operator=(const verified_csr&) = delete;

    bytes_view der() const noexcept { return der_; }
    const crypto::verification_key& key() const noexcept { return key_; }
    const csr_contents& asks() const noexcept { return asks_; }

    const std::string& subject() const noexcept { return asks_.subject; }  // one line, for people
    const distinguished_name& name() const noexcept { return asks_.name; }
    const subject_alt_names& alt_names() const noexcept { return asks_.alt_names; }
    const std::optional<std::string>& challenge_password() const noexcept { return asks_.challenge_password; }
    std::optional<std::string> attribute(std::string_view short_name) const;  // the first of that name in the subject

private:
    verified_csr(crypto::verification_key key, csr_contents asks) : key_(std::move(key)), asks_(std::move(asks)) {}
    bytes der_;
    crypto::verification_key key_;
    csr_contents asks_;
};

}  // namespace berth::pki
