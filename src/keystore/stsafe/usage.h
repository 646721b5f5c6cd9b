// Counters of use: how often an accessory may still be used, how much a cartridge still holds. They fall and never rise.
#pragma once

#include "keystore/stsafe/device.h"

namespace berth::keystore::stsafe {

struct usage_counter {
    uint8_t zone = 0;
    uint32_t left = 0;
};

// All that the chip has.
result<std::vector<usage_counter>> read_counters(device& chip);

// Lowers one, once (zone_io.h: decrement_once), in the host session where there is one; what is left then. Errors
// `counter_exhausted`: it is lower than `amount`, with the parameter "left", and stays as it was; `bad_amount`: 0; `no_counter`:
// the zone is none, with the parameter "counters" (the zones that are); and those of decrement_once.
result<uint32_t> use_counter(device& chip, uint8_t zone, uint32_t amount);

}  // namespace berth::keystore::stsafe
