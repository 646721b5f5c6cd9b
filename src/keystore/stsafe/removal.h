// Places of keys, before a key is made and when it is no longer wanted.
#pragma once

#include "keystore/stsafe/keys.h"

namespace berth::keystore::stsafe {

// That nothing would be lost by making a key there: the zone holds no record, no certificate and no credential. Error key_exists.
result<void> check_vacant(device& chip, const key_place& place);
// A name may speak of an identity's slot and of another zone than its certificate's: a new key in the slot would end it. Error
// key_restricted, naming the zone.
result<void> check_no_identity(device& chip, const key_place& place);

// A slot cannot be emptied: its key is drowned by one that nobody knows of, and the record is overwritten, with the envelope in
// it (of a key that signatures are verified with, the record alone: no slot belongs to it), or the certificate of the slot's key.
// Errors key_not_found: neither lies in the zone; key_mismatch: a certificate of another key; key_restricted: slot 0 with a
// certificate is the chip's own identity, or the slot's key is that of a certificate in another zone.
result<void> remove_key(device& chip, const key_place& place);

// The subject of the certificate in a zone: whose identity goes with the key. Empty: a record or nothing of a key lies there.
result<std::string> subject_in(device& chip, uint8_t zone);

}  // namespace berth::keystore::stsafe
