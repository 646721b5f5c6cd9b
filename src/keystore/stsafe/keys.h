// Keys in an STSAFE-A as key handles: ECDSA by a slot's key, and hybrid KEM keys whose elliptic half is a slot's key.
//
// What the chip does not tell lies beside the key, in a zone: its public half, and of a hybrid the ML-KEM seed in a local
// envelope. The envelope is of use to this chip alone; the seed is in this process's memory while the handle lives.
#pragma once

#include "base/random.h"
#include "keystore/agreement_key.h"
#include "keystore/key.h"
#include "keystore/stsafe/commands/envelopes.h"
#include "keystore/stsafe/device.h"

namespace berth::keystore::stsafe {

struct key_place {
    uint8_t slot = 1;
    uint8_t zone = 1;
    uint8_t envelope = 0;  // slot of the envelope's key
};

// New keys, in place of what lies there. Errors of the chip, by their own names; `wrong_key_kind`: no algorithm of this chip.
result<signing_key_ptr> make_signing_key(std::shared_ptr<device> chip, const key_place& place, crypto::signature_algorithm alg);
// Also makes the envelope's key when there is none. Half of the seed's randomness is the chip's.
result<kem_key_ptr> make_kem_key(std::shared_ptr<device> chip, const key_place& place, crypto::kem_algorithm alg,
                                 random_source& random);

result<agreement_key_ptr> make_agreement_key(std::shared_ptr<device> chip, const key_place& place, crypto::agreement_group group);

// Keys that are there. The zone holds what make_... wrote, or (signing) a certificate of the key. Both ask the chip to prove that
// the slot's key belongs to the public half. Errors `key_not_found`: the zone holds neither; `key_mismatch`: the slot's key is
// another; `stsafe_decryption`: the envelope is another chip's; `zone_in_use`: what lies there is a key that signatures are
// verified with.
result<signing_key_ptr> open_signing_key(std::shared_ptr<device> chip, const key_place& place, random_source& random);
result<kem_key_ptr> open_kem_key(std::shared_ptr<device> chip, const key_place& place, random_source& random);
result<agreement_key_ptr> open_agreement_key(std::shared_ptr<device> chip, const key_place& place, random_source& random);

// An ECDSA signature, in DER, over a digest.
result<bytes> sign_in_slot(device& chip, uint8_t slot, crypto::signature_algorithm alg, bytes_view hashed);

// The public half that lies in a zone: in a record, or in a certificate. Error `key_not_found`.
result<crypto::verification_key> public_half(device& chip, uint8_t zone, protection how = protection::automatic);

// The same error, saying which slot it is about.
error in_slot(error e, uint8_t slot);
// Why no key is opened there, if it is not `why`: error `zone_in_use`, as above.
error not_a_slots_key(device& chip, uint8_t zone, error why);

}  // namespace berth::keystore::stsafe
