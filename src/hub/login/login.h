// Whether somebody who has shown a certificate and says a name may log in (row B3, B4): what a broker asks at CONNECT, of its
// replica of the registry alone.
#pragma once

#include "hub/login/chain.h"

namespace berth::hub {

struct admitted {
    registry::identity identity;
    unix_seconds until = 0;                     // when the certificate, or one above it, ends: the session with it
    std::optional<std::array<uint8_t, 32>> ca;  // nothing: by thumbprint
};

struct login_answer {
    std::optional<admitted> in;  // nothing: refused
    login_refusal refusal{};     // if refused
    std::string why;             // for logs, never for the peer
};

// Whether the registry has ended the certificate: of an earlier epoch than the identity's, or without one and valid by the time
// that epoch began.
bool epoch_passed(const registry::identity& who, std::optional<uint32_t> epoch, unix_seconds not_before);

// `claimed`: the MQTT client id, or the name in an HTTPS path. Never fails: a registry that cannot be read lets nobody in.
login_answer judge_login(registry::hub_registry& hub, const judged_chain& chain, std::string_view claimed, unix_seconds now);

}  // namespace berth::hub
