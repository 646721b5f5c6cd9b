// The device's half of an element's authentication by a server (berthd's [element]).
#pragma once

#include "keystore/stsafe/authentication.h"
#include "net/address.h"
#include "pki/trust.h"
#include "wire/json.h"

namespace berth::app {

struct element_server {
    net::address at;
    std::string name;          // in its certificate, and what the element signs for
    pki::trust_store vouched;  // by whom
};

// What the server says of the element. `between`: CA certificates that are sent along. Errors of HTTP and TLS clients; what the
// server refuses, by its names; `audience_mismatch`: it asks for a signature for somebody else; those of the chip.
result<wire::json::object> authenticate_at(const element_server& server, keystore::stsafe::device& chip,
                                           const keystore::stsafe::identity_place& place,
                                           const std::vector<pki::certificate>& between);

}  // namespace berth::app
