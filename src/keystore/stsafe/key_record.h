// What lies in a zone beside a key.
#pragma once

#include "keystore/stsafe/zone_io.h"

namespace berth::keystore::stsafe {

// trusted: the key of somebody else, whose signatures the chip is to verify (firmware.h); no slot belongs to it.
// agreement: for Diffie-Hellman by itself.
enum class record_kind : uint8_t { signing = 1, hybrid = 2, trusted = 3, agreement = 4 };

struct key_record {
    record_kind kind = record_kind::signing;
    uint16_t algorithm = 0;  // TLS SignatureScheme, HPKE kem_id, or TLS NamedGroup (agreement)
    uint8_t envelope_slot = 0;
    lengthy point;     // 04 || X || Y
    lengthy envelope;  // of a hybrid: the ML-KEM seed
    BERTH_FIELDS(kind, algorithm, envelope_slot, point, envelope)
};

result<void> write_record(device& chip, uint8_t zone, const key_record& record);
// Overwrites all that a record can take.
result<void> blank_record(device& chip, uint8_t zone);
// Nothing: there is none, or half of one.
result<std::optional<key_record>> read_record(device& chip, uint8_t zone, protection how = protection::automatic);

}  // namespace berth::keystore::stsafe
