// DeriveKeys, an extended command of the A120: HKDF with SHA-256 inside the chip [stsafea_derive_keys.c]. Keys come with the
// command and go with the answer; symmetric key slots, which may be either, are not here.
#pragma once

#include "keystore/stsafe/commands/hashing.h"

namespace berth::keystore::stsafe {

// [stsafea_derive_keys.h] STSAFEA_KEY_SOURCE_*
inline constexpr uint8_t with_command = 0x00;
inline constexpr uint8_t with_answer = 0x01;
// STSAFEA_HKDF_FLAG_*
inline constexpr uint8_t hkdf_expand_flag = 0x01;
inline constexpr uint8_t hkdf_extract_flag = 0x02;
inline constexpr uint8_t mode_hkdf = 0x04;  // [stsafea_symmetric_key_slots.h] STSAFEA_KEY_OPERATION_MODE_HKDF
inline constexpr size_t least_input_key = 16;
inline constexpr size_t most_input_key = 32;

struct hkdf_salt {
    uint8_t source = with_command;
    lengthy value;  // empty: 32 zero octets
    BERTH_FIELDS(source, value)
};
// One key that is wanted. The length before it is that of what follows it in this struct.
struct hkdf_output {
    uint16_t length = 3;
    uint8_t destination = with_answer;
    uint16_t key_length = 0;
    BERTH_FIELDS(length, destination, key_length)
};

struct derived_answer {
    secret_rest keys;  // one after the other
    BERTH_FIELDS(keys)
};
// Extract and expand.
struct derive_keys {
    uint8_t source = with_command;
    uint8_t mode = mode_hkdf;
    secret_lengthy key;
    uint8_t flags = hkdf_extract_flag | hkdf_expand_flag;
    hash_name hash = hash_name(bytes_view(oid_sha256));
    hkdf_salt salt;
    lengthy info;
    hkdf_output wanted;
    BERTH_FIELDS(source, mode, key, flags, hash, salt, info, wanted)
    static constexpr command_info about{extended_prefix, "DeriveKeys", repeat::allowed, time_not_published, 0x10};
    using answer = derived_answer;
};
// Expand alone: the key is HKDF's pseudorandom key.
struct expand_keys {
    uint8_t source = with_command;
    uint8_t mode = mode_hkdf;
    secret_lengthy key;
    uint8_t flags = hkdf_expand_flag;
    hash_name hash = hash_name(bytes_view(oid_sha256));
    lengthy info;
    hkdf_output wanted;
    BERTH_FIELDS(source, mode, key, flags, hash, info, wanted)
    static constexpr command_info about = derive_keys::about;
    using answer = derived_answer;
};

}  // namespace berth::keystore::stsafe
