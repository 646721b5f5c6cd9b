// What is to be done for a credential, and when. Pure: the time is an argument, and nothing is read.
#pragma once

#include "credentials/kept_credential.h"

namespace berth::app {

enum class deed : uint8_t {
    wait,   // until `at`
    prove,  // a new certificate is shown to the server, so that a peer has accepted it
    renew,  // authenticated by a certificate of this credential
    enrol,  // there is none that is good: authenticated by the identity
};
std::string_view name_of(deed d);  // for logs and --json

struct plan {
    deed what = deed::wait;
    unix_seconds at = 0;  // of `wait`: then something is to be done
};

// Connections that a new certificate gets before it is held for refused, and another one is asked for.
inline constexpr uint32_t most_proofs = 3;

// After as many refusals of the identity in a row it is held for refused for good.
inline constexpr uint32_t refused_for_good = 3;
// Whether a device may be onboarded again to get out of that: never while one of all the certificates that it keeps is valid.
bool may_onboard_anew(uint32_t rejections, std::span<const kept_credential> all, unix_seconds now);

plan plan_for(const kept_credential& k, const kept_wish& wish, unix_seconds now);

// Whom to be towards the EST server for that deed: a generation; nothing: the identity (kept_wish::authenticates).
const generation* shown_for(deed d, const kept_credential& k, const kept_wish& wish, unix_seconds now);

}  // namespace berth::app
