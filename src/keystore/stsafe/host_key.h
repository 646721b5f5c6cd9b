// A chip's host key: given once in its life, at the factory.
#pragma once

#include "keystore/stsafe/commands/command.h"
#include "keystore/stsafe/device.h"

namespace berth::keystore::stsafe {

struct host_key_options {
    // Under a key that host and chip agree on first (kek.h): who only listens does not learn it. An STSAFE-A120's.
    bool wrapped = false;
    // Codes of commands whose payload is encrypted from then on, both ways. The table takes such a change once in the chip's
    // life.
    bytes encrypted;
};

// MAC key and cipher key, together 32 octets, or 64 for AES-256 (STSAFE-A120). Then opens the session with it, which shows that
// the chip has it. Errors `host_key_exists`: it has one, and keeps it for good; `bad_host_key`; `stsafe_unsupported`: an
// STSAFE-A110 takes 32 octets, in clear; `stsafe_life_cycle`: it is at work already; those of the chip.
result<void> set_host_key(device& chip, const secret_bytes& octets, const host_key_options& options = {});

}  // namespace berth::keystore::stsafe
