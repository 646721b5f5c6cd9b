// A connection to a socket of this machine at a path, as a stream of octets.
#pragma once

#include "net/channel.h"

namespace berth::net {

// At once: nobody waits for a listener of this machine, but one that has no room is none. A path may be longer than the system's
// addresses are. Errors `bad_address`, `connect_failed`.
result<std::shared_ptr<channel>> connect_local(loop& on, const std::string& path);

}  // namespace berth::net
