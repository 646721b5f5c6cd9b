// Finding a registrar (docs/onboarding.md section 1): "configured address, DNS-SD `_brski-registrar._tcp.local` (Avahi), and
// rendezvous [...] The sources are tried in turn, one registrar of each at a time, so that one impostor on the local network
// cannot starve the others".
#pragma once

#include "device/bundle.h"
#include "net/loop.h"

#include <functional>

namespace berth::app {

struct found_registrars {
    std::vector<net::address> configured;
    std::vector<net::address> dns_sd;
    std::vector<net::address> rendezvous;
    // Why a source could not be asked; of several, the last.
    std::optional<error> failed;

    // First of each source, then second of each, and so on; no address twice.
    [[nodiscard]] std::vector<net::address> in_turn() const;
};

// Asks all sources that the bundle names, then calls `done` on the loop. `masa_key` is the pinned key to use for rendezvous.
void discover(net::loop& on, const device_bundle& bundle, size_t masa_key, const clock& time, random_source& random,
              std::function<void(found_registrars)> done);

}  // namespace berth::app
