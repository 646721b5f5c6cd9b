// The Online Certificate Status Protocol (RFC 6960): what a client asks, what a responder signs, and whether to believe it.
//
// Requests and answers are octets here; who carries them (HTTP, a file, a handshake) is others' business. An answer may be made
// when it is asked for, with the asker's nonce (RFC 9654), or beforehand, without one.
#pragma once

#include "base/clock.h"
#include "pki/certificate.h"
#include "pki/crl.h"
#include "pki/verify.h"

namespace berth::pki {

// How a request names a certificate: by hashes of its issuer's name and key, and its serial number. The hash hides nothing and
// proves nothing; what `openssl ocsp` takes by default is SHA-1.
enum class ocsp_hash : uint8_t { sha1, sha256, sha384, sha512 };
struct ocsp_id {
    bytes der;     // CertID, whole
    bytes serial;  // big-endian magnitude, as certificate::serial()
    friend bool operator==(const ocsp_id& a, const ocsp_id& b) { return a.der == b.der; }
};
ocsp_id make_ocsp_id(bytes_view serial, const certificate& issuer, ocsp_hash hash = ocsp_hash::sha256);
// Whether it is one of this issuer's certificates that the id names; false also for hashes that we do not know.
bool is_of_issuer(const ocsp_id& id, const certificate& issuer);

struct ocsp_query {
    std::vector<ocsp_id> ids;
    std::optional<bytes> nonce = {};  // 1 to 128 octets
};
inline constexpr size_t most_ocsp_ids = 32;
// DER. Error `bad_template`: no id, too many, one that is no CertID, or such a nonce.
result<bytes> build_ocsp_query(const ocsp_query& query);
// A signature over the request is not looked at: what we answer is public. Error `bad_ocsp_request`.
result<ocsp_query> parse_ocsp_query(bytes_view der);

enum class ocsp_state : uint8_t { good, revoked, unknown };
std::string_view to_string(ocsp_state state) noexcept;
struct ocsp_answer {
    ocsp_id id;
    ocsp_state state = ocsp_state::unknown;
    unix_seconds revoked_at = 0;
    revocation_reason reason = revocation_reason::unspecified;
    unix_seconds this_update = 0;
    unix_seconds next_update = 0;  // 0: newer ones are there at any time
};
// DER. `responder` is the issuer of the certificates that are answered about, or was issued by it for this (oid_ocsp_signing);
// its certificate is sent along unless it is the issuer's. Errors `issuer_key_mismatch`, `bad_template`, `signing_failed`.
result<bytes> sign_ocsp_response(std::span<const ocsp_answer> answers, const std::optional<bytes>& nonce, unix_seconds now,
                                 const certificate& responder, const crypto::signing_key& key);

// What is said without a signature (RFC 6960 2.3).
enum class ocsp_failure : uint8_t { malformed_request = 1, internal_error = 2, try_later = 3, unauthorized = 6 };
bytes ocsp_failure_response(ocsp_failure what);

struct ocsp_policy {
    validity_instants time;
    // Beyond what the answer says of itself: one that was true longer ago than this is not taken.
    unix_seconds most_age = 7 * 86'400;
    unix_seconds skew = 300;
    // What was asked with it. An answer with another nonce is never taken, one without any only if this allows it.
    std::optional<bytes> nonce = {};
    bool nonce_required = false;
    // thisUpdate of the newest answer about this certificate that was taken before: older ones are replays.
    unix_seconds newest_seen = 0;
    // A responder whose own certificate says neither that it needs no check (nocheck) nor is checked by anybody.
    bool accept_unchecked_responder = false;
};
// What a response says of `subject`, which `issuer` has issued. Revoked and unknown are answers, not errors. Errors (category
// peer): `bad_ocsp_response` (malformed, or a failure: param "status"), `ocsp_about_another`, `ocsp_not_authorized` (signed by
// one who may not), `bad_ocsp_signature`, `ocsp_replayed` (nonce, newest_seen), `ocsp_not_yet_valid`, `ocsp_expired`.
result<ocsp_answer> verify_ocsp_response(bytes_view der, const certificate& subject, const certificate& issuer,
                                         const ocsp_policy& policy);
// Errors `certificate_revoked` with param "reason", `certificate_unknown`.
result<void> require_good(const ocsp_answer& answer, const certificate& subject);

}  // namespace berth::pki
