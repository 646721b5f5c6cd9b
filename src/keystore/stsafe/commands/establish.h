// EstablishHostKeyV2, an extended command of the A120 [stsafea_host_key_slot.c]: host and chip agree on a host key, which never
// crosses the bus. How it follows from the agreement stands in kek.h. First comes GenerateECDHE (kek.h).
#pragma once

#include "keystore/stsafe/commands/host_keys.h"
#include "keystore/stsafe/commands/kek.h"

namespace berth::keystore::stsafe {

inline constexpr uint8_t host_key_agreement = 0x03;  // the algorithm's number, there without a name

struct establish_host_key {
    curve_name curve;
    point host_key;
    uint8_t algorithm = host_key_agreement;
    host_key_type type = host_key_type::aes128;
    BERTH_FIELDS(curve, host_key, algorithm, type)
    static constexpr command_info about{extended_prefix, "EstablishHostKeyV2", repeat::never, time_not_published, 0x18};
    using answer = no_answer;
};

// With a signature over kek_signed_content, by the key in a generic public key slot with the use establish_host_key.
struct establish_host_key_authenticated {
    curve_name curve;
    point host_key;
    uint8_t algorithm = host_key_agreement;
    host_key_type type = host_key_type::aes128;
    uint8_t filler = 0;
    uint8_t slot = 0;
    hash_name hash;
    signature made;
    BERTH_FIELDS(curve, host_key, algorithm, type, filler, slot, hash, made)
    static constexpr command_info about = establish_host_key::about;
    using answer = no_answer;
};

}  // namespace berth::keystore::stsafe
