// Whether firmware is signed by whom the chip trusts. The signer's public key lies in a zone that, once closed, nobody can write
// again, and the chip does the verification; the host has to ask, and to heed the answer: the chip enforces nothing.
#pragma once

#include "keystore/stsafe/zone_io.h"

namespace berth::keystore::stsafe {

// Puts the key there. `for_ever`: the zone is never written again. Errors `zone_in_use`; `no_room`: the zone is too small, a
// counter or not there; `wrong_key_kind`: no STSAFE-A verifies such signatures; those of the chip.
result<void> trust_key(device& chip, uint8_t zone, const crypto::verification_key& key, bool for_ever);

// The key in a zone: what trust_key() put there, or a certificate's. Error `key_not_found`.
result<crypto::verification_key> trusted_key(device& chip, uint8_t zone);

// Whether `signature` (DER, or r || s) over a digest of the hash that belongs to the key's curve is the key's, says the chip.
// Errors `firmware_signature_invalid`: it is not, or is no signature at all.
result<void> verify_in_chip(device& chip, const crypto::verification_key& key, bytes_view digest, bytes_view signature);

}  // namespace berth::keystore::stsafe
