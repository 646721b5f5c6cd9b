// Documents of a firmware repository: a payload and any number of signatures over it (docs/firmware.md). The form is the general
// JSON serialisation of JWS (RFC 7515 section 7.2.1), without unprotected headers; each signature is verified as the token in
// compact form that it stands for, by src/jose.
#pragma once

#include "base/clock.h"
#include "jose/jws.h"

#include <vector>

namespace berth::firmware {

inline constexpr size_t most_document = 1024 * 1024;  // octets
inline constexpr size_t most_signatures = 32;
inline constexpr std::string_view document_type = "berth-firmware+jws";  // header "typ" of each signature

enum class document_kind : uint8_t { root, list, manifest };
std::string_view to_string(document_kind kind);

// Read, and not verified: see verify.h.
class document {
public:
    // Errors `bad_document` (peer), too_large.
    static result<document> read(std::string_view text);
    // Of a payload that has no signature yet.
    static document unsigned_of(const wire::json::object& payload);

    [[nodiscard]] document_kind kind() const { return kind_; }
    [[nodiscard]] const wire::json::object& payload() const { return payload_; }
    // As it is written in files, with a line feed.
    [[nodiscard]] std::string text() const;

    struct signature {
        std::string protected_header, octets;  // base64url
        std::string kid, alg;
    };
    [[nodiscard]] const std::vector<signature>& signatures() const { return signatures_; }
    // "header.payload.signature"
    [[nodiscard]] std::string token(const signature& s) const;

    // Adds the key's signature, in place of an earlier one of the same key. Errors of jose::sign; `too_many_signatures`.
    result<void> sign(const jose::signing_key& key);

private:
    document() = default;
    document_kind kind_ = document_kind::root;
    std::string encoded_;  // the payload in base64url: what is signed
    wire::json::object payload_;
    std::vector<signature> signatures_;
};

}  // namespace berth::firmware
