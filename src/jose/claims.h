// What a JSON Web Token claims (RFC 7519), and which claims are believed: one issuer, one exact audience, a life with an end, a
// name of its own, and a type, so that a report never passes for a command (RFC 8725 sections 3.8 to 3.11).
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "jose/jws.h"

#include <optional>
#include <string>

namespace berth::jose {

struct claims {
    std::string issuer, audience;  // 1 to 256 characters
    unix_seconds issued_at = 0, expires_at = 0;
    std::optional<unix_seconds> not_before;
    std::string id;                    // jti: 16 to 64 characters, of 96 random bits at least
    std::optional<uint64_t> sequence;  // "seq": higher with each message of a sender to a receiver (below 2^53)
    wire::json::object body;           // everything else
};

// Of 96 random bits, as `id` wants it.
std::string new_token_id(random_source& random);

std::string to_text(const claims& c);
// Error bad_claims (peer) naming the claim: a member of the wrong kind or out of range, one that is missing; a name of the above
// in `body` is our own mistake in to_text() and aborts.
result<claims> read_claims(bytes_view payload);

struct token_rules {
    std::string_view type;                  // header "typ", without letter case
    std::string_view issuer;                // empty: any, that the caller then judges
    std::string_view audience;              // this one, exactly
    unix_seconds now = 0;                   // 0: this device has no clock, and the receiver's replay window must do
    unix_seconds skew = 60;                 // that clocks may be apart
    unix_seconds most_life = 24 * 60 * 60;  // from iat to exp
    bool any_type = false;                  // one there must be: the caller judges which (nested_message::type())
};

// Errors wrong_type, wrong_issuer, wrong_audience, token_expired, token_not_yet_valid, token_lives_too_long.
result<void> check(const header& head, const claims& c, const token_rules& rules);

// RFC 7519: signed claims, with typ.
result<std::string> sign_claims(const signing_key& key, std::string_view type, const claims& c);
// verify() and check() in one.
result<claims> verify_claims(const verification_key& key, std::string_view token, const token_rules& rules);

}  // namespace berth::jose
