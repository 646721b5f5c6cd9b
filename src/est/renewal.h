// When a certificate is renewed, when one comes again, and when the old one may go. Pure: time and randomness are arguments.
#pragma once

#include "base/random.h"
#include "base/result.h"
#include "pki/certificate.h"

namespace berth::est {

// A share of the lifetime, or a time.
struct portion {
    enum class unit : uint8_t { percent, seconds };
    unit in = unit::percent;
    uint32_t value = 0;
    // Of a lifetime of so many seconds; never more than it.
    [[nodiscard]] unix_seconds of(unix_seconds lifetime) const;
    friend bool operator==(const portion&, const portion&) = default;
};
// "80%", "30day", "90min", "12hour", "45s". Error bad_portion.
result<portion> parse_portion(std::string_view text);

struct renewal_policy {
    // A percentage: of the lifetime that has passed. A time: what is left of it.
    portion threshold{portion::unit::percent, 67};
    // Renewals of a fleet are spread evenly over so much of what is left at the threshold.
    uint32_t spread_percent = 50;
    milliseconds first_retry = 5'000;
    milliseconds most_retry = 3'600'000;
};

struct lifetime {
    unix_seconds not_before = 0;
    unix_seconds not_after = 0;
    static lifetime of(const pki::certificate& c) { return {c.not_before(), c.not_after()}; }
};

// The instant at which to renew: drawn once per certificate (and kept), somewhere between the threshold and the end of the
// spread: full jitter, so that a fleet that was enrolled at one time does not come back at one time. Never after notAfter.
unix_seconds renew_at(const lifetime& of, const renewal_policy& policy, random_source& random);

// How long to wait after `failures` in a row (1: the first): full jitter over a range that doubles up to most_retry, and that
// is never more than an eighth of what is left of the certificate, so that there are tries left before its end; at least a
// second. What the server has asked for (Retry-After) is waited for first, but not for more than half of what is left.
milliseconds retry_in(uint32_t failures, unix_seconds left, const renewal_policy& policy, std::optional<uint32_t> retry_after,
                      random_source& random);

// One of a device's credentials for a purpose.
struct held_credential {
    lifetime valid;
    // A peer has accepted it once: a handshake with it was completed.
    bool accepted = false;
    bool revoked = false;
};

enum class credential_state : uint8_t { usable, too_early, expired, revoked };
credential_state state_of(const held_credential& c, unix_seconds now);

// Which of them to use, newest first in `all`: the newest that was accepted; where it has been tried less often than
// `tries_of_new`, the newest usable one, so that it is accepted some day. Nothing: none is usable (recover by another identity).
std::optional<size_t> choose(std::span<const held_credential> all, unix_seconds now, uint32_t tries_of_new);

// Whether all[index] may be deleted: never below one valid credential, and never before a newer one was accepted by a peer.
bool may_discard(std::span<const held_credential> all, size_t index, unix_seconds now);

}  // namespace berth::est
