// A key's certificate in the chip, in place of the record that Berth wrote when it made the key: from then on the zone says whose
// key it is to whoever reads it, also without Berth.
#pragma once

#include "keystore/stsafe/keys.h"
#include "pki/certificate.h"

namespace berth::keystore::stsafe {

// Whoever is interrupted half-way leaves the record as it was, and does it again. Nothing is done when it is there already.
// Errors key_not_found: the zone holds neither the record of a signing key nor this certificate; key_mismatch: that of another
// key; no_room: the zone is too small; those of the chip.
result<void> keep_certificate(device& chip, uint8_t zone, const pki::certificate& of);

}  // namespace berth::keystore::stsafe
