// The operating system's randomness, through libcrypto's private generator.
#pragma once

#include "base/random.h"

namespace berth::crypto {

// RAND_priv_bytes behind random_source. Thread-safe. A generator that fails aborts the process.
random_source& system_random();

}  // namespace berth::crypto
