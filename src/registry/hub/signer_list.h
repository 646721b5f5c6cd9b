// What a CA between a registered one and devices has revoked.
#pragma once

#include "pki/crl.h"

#include <string>

namespace berth::registry {

struct signer_list {
    std::string below;        // the name of the registered CA that vouches for it
    pki::certificate signer;  // was verified up to that one when the list was handed in
    pki::crl list;
};

// So many has a hub, of all of its CAs: each login looks through them.
inline constexpr size_t most_signer_lists = 1000;

}  // namespace berth::registry
