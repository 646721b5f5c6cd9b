// Local envelopes as a seal: a secret that this chip alone opens again.
#pragma once

#include "keystore/stsafe/device.h"

namespace berth::keystore::stsafe {

// Makes the envelope's key where there is none.
result<void> ensure_envelope_key(device& chip, uint8_t slot);

result<bytes> seal_in(device& chip, uint8_t envelope_slot, const secret_bytes& secret);
// Error seal_invalid.
result<secret_bytes> unseal_in(device& chip, uint8_t envelope_slot, bytes_view sealed);

}  // namespace berth::keystore::stsafe
