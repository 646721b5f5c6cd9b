// Whether the chip on this bus is the one that its certificate speaks of. The verifier's half is attestation/element.h.
#pragma once

#include "attestation/element.h"
#include "keystore/stsafe/device.h"

namespace berth::keystore::stsafe {

// Where an element has its identity: the certificate of slot 0's key in zone 0, as its maker leaves it.
struct identity_place {
    uint8_t slot = 0;
    uint8_t zone = 0;
};

// By the slot's key, whose certificate is `of`: an ECDSA signature in DER. Whether it really is, the verifier finds out. Errors
// of the chip; `wrong_key_kind`: no STSAFE-A has keys of the certificate's kind.
result<bytes> sign_as_element(device& chip, uint8_t slot, const pki::certificate& of, bytes_view message);

// All of it, by a host that has the chip on its own bus: certificate read, chain verified, a fresh challenge, its signature
// verified. Errors of read_certificate, pki::verify_chain,
// element_challenge::accept and of the chip; `during` tells which step it was.
result<attestation::verified_element> authenticate(device& chip, const identity_place& place, const pki::trust_store& makers,
                                                   unix_seconds now, random_source& random);

}  // namespace berth::keystore::stsafe
