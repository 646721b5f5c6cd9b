// Signed tokens: JSON Web Signatures in compact form (RFC 7515).
#pragma once

#include "base/bytes.h"
#include "jose/compact.h"
#include "jose/keys.h"

#include <functional>

namespace berth::jose {

// header.payload.signature. The header has `alg` and `kid` of the key, then `extra` (typ, cty ...), which may name neither.
// Errors of the key's keeper (keystore_failed).
result<std::string> sign(const signing_key& key, bytes_view payload, const wire::json::object& extra = {});

// A payload that is what its signer signed: nobody but verify() makes one.
class verified {
public:
    verified(verified&&) = default;
    verified& operator=(verified&&) = default;

    [[nodiscard]] const header& head() const { return header_; }
    [[nodiscard]] const std::string& signer() const { return signer_; }  // its key's thumbprint
    [[nodiscard]] bytes_view payload() const { return payload_; }

private:
    friend result<verified> verify(const verification_key&, std::string_view, size_t);
    verified(header h, std::string signer, bytes payload)
        : header_(std::move(h)), signer_(std::move(signer)), payload_(std::move(payload)) {}
    header header_;
    std::string signer_;
    bytes payload_;
};

// The algorithm is the key's; a token that says another is refused (RFC 8725 3.1), and one whose kid is another key's. Errors:
// those of compact.h, algorithm_mismatch, wrong_key, bad_signature.
result<verified> verify(const verification_key& key, std::string_view token, size_t most = most_token);

// What a token says of itself before anything is verified: to find the key by. Not to be believed.
result<header> peek(std::string_view token, size_t most = most_token);

}  // namespace berth::jose
