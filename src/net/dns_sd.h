// DNS-SD on the local network, by the machine's Avahi daemon (docs/onboarding.md section 1: `_brski-registrar._tcp.local`).
#pragma once

#include "base/clock.h"
#include "net/address.h"

#include <memory>
#include <stop_token>
#include <vector>

namespace berth::net {

inline constexpr const char* registrar_service = "_brski-registrar._tcp";

// The instances of `service` that answer within `timeout`, in the order in which they answered. Blocks, until `stop` is
// requested at most. Errors `dns_sd_unavailable` (no daemon), never for an empty answer.
result<std::vector<address>> browse(const std::string& service, milliseconds timeout, const std::stop_token& stop = {});

// Announces `service` on `port` for as long as the object lives; comes back by itself when the daemon restarts.
class announcement {
public:
    static result<std::unique_ptr<announcement>> make(const std::string& name, const std::string& service, uint16_t port);
    ~announcement();

    struct impl;
    explicit announcement(std::unique_ptr<impl> i);

private:
    std::unique_ptr<impl> impl_;
};

}  // namespace berth::net
