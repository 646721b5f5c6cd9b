// A key between host and chip that keys are wrapped under, and is gone with the power: GenerateECDHE, StartVolatileKekSession,
// StopVolatileKekSession, extended commands of the A120 [stsafea_asymmetric_key_slots.c, stsafea_ecc.c]. How the key is derived
// stands in kek.h.
#pragma once

#include "keystore/stsafe/commands/hashing.h"
#include "keystore/stsafe/commands/keys.h"

namespace berth::keystore::stsafe {

struct ecdhe_answer {
    curve_name curve;
    point public_key;
    BERTH_FIELDS(curve, public_key)
};
// The chip's half, for one StartVolatileKekSession or ([model]) one EstablishKey.
struct generate_ecdhe {
    curve_name curve;
    BERTH_FIELDS(curve)
    static constexpr command_info about{extended_prefix, "GenerateECDHE", repeat::allowed, time_not_published, 0x0b};
    using answer = ecdhe_answer;
};

inline constexpr uint8_t kek_unwrapping = 0x01;  // [stsafea_ecc.h] STSAFEA_ALGORITHM_ID_KEK_UNWRAPPING

struct start_kek_session {
    curve_name curve;
    point host_key;
    uint8_t algorithm = kek_unwrapping;
    BERTH_FIELDS(curve, host_key, algorithm)
    static constexpr command_info about{extended_prefix, "StartVolatileKekSession", repeat::never, time_not_published, 0x03};
    using answer = no_answer;
};

// What a host that proves itself signs [stse_symmetric_keys_management.c].
struct kek_signed_content {
    curve_name curve;
    point host_key;
    point chip_key;
    BERTH_FIELDS(curve, host_key, chip_key)
};
// By the key in a generic public key slot with the use start_kek_session.
struct start_kek_session_authenticated {
    curve_name curve;
    point host_key;
    uint8_t algorithm = kek_unwrapping;
    uint8_t filler = 0;
    uint8_t slot = 0;
    hash_name hash;
    signature made;
    BERTH_FIELDS(curve, host_key, algorithm, filler, slot, hash, made)
    static constexpr command_info about = start_kek_session::about;
    using answer = no_answer;
};

struct stop_kek_session {
    BERTH_FIELDS()
    static constexpr command_info about{extended_prefix, "StopVolatileKekSession", repeat::allowed, time_not_published, 0x06};
    using answer = no_answer;
};

}  // namespace berth::keystore::stsafe
