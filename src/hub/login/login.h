// Whether somebody who has shown a certificate, or a token by a key that he shares with the hub, and says a name may log in (row
// B3, B4): what a broker asks at CONNECT, of its replica of the registry alone. The registry says which of the two counts.
#pragma once

#include "hub/login/chain.h"
#include "hub/login/words.h"

namespace berth::hub {

struct admitted {
    registry::identity identity;
    unix_seconds until = 0;                     // when the certificate, one above it, or the token ends: the session with it
    std::optional<std::array<uint8_t, 32>> ca;  // nothing: by thumbprint, or by key
    bool by_key = false;
};

struct login_answer {
    std::optional<admitted> in;  // nothing: refused
    login_refusal refusal{};     // if refused
    std::string why;             // for logs, never for the peer
};

// Whether the registry has ended the certificate: of an earlier epoch than the identity's, or without one and valid by the time
// that epoch began.
bool epoch_passed(const registry::identity& who, std::optional<uint32_t> epoch, unix_seconds not_before);

// `claimed`: the MQTT client id, or the name in an HTTPS path. `words`: null where nobody said any. Never fails: a registry that
// cannot be read lets nobody in.
login_answer judge_login(registry::hub_registry& hub, const judged_chain& chain, std::string_view claimed, unix_seconds now,
                         const judged_words* words = nullptr);

}  // namespace berth::hub
