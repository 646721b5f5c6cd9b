// Entities: who is to be there, beside the host, for the chip to open a zone (zone_condition::entity). An STSAFE-A120 knows each
// by a public key in one of its slots, and believes a signature over its own fresh challenge; until Reset or the end of its
// power.
#pragma once

#include "keystore/key.h"
#include "keystore/stsafe/device.h"

namespace berth::keystore::stsafe {

struct public_key_summary {
    uint8_t slot = 0;
    uint8_t flags = 0;  // public_key_use
    std::optional<crypto::verification_key> key;
};
// Of each slot of the chip. Error `stsafe_unsupported`: an A110 has none.
result<std::vector<public_key_summary>> list_public_keys(device& chip);

struct trust_options {
    bool for_ever = false;  // neither the key nor its use may change again
    bool replace = false;   // another key that the slot holds
};
// Puts the key into a slot, for entity authentication. Doing it twice is doing it once. Errors `wrong_key_kind`; `slot_in_use`;
// `slot_fixed`; those of the chip.
result<void> trust_entity(device& chip, uint8_t slot, const crypto::verification_key& key, const trust_options& how = {});

// Signs the chip's challenge. The slot is the one that holds the key. Errors `entity_unknown`: no slot does, for this use;
// `entity_refused`: the signature was wrong; those of the key's holder and of the chip.
result<void> prove_entity(device& chip, const signing_key& key);

}  // namespace berth::keystore::stsafe
