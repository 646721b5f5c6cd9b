// DeriveKeys, an extended command of the A120: HKDF with SHA-256 inside the chip [stsafea_derive_keys.c]. Keys come with the
// command, or lie in symmetric key slots; and go with the answer, or into such slots, which the chip chooses.
#pragma once

#include "keystore/stsafe/commands/hashing.h"
#include "keystore/stsafe/commands/symmetric_keys.h"

namespace berth::keystore::stsafe {

// [stsafea_derive_keys.h] STSAFEA_KEY_SOURCE_*
inline constexpr uint8_t with_command = 0x00;
inline constexpr uint8_t with_answer = 0x01;
inline constexpr uint8_t in_slot_source = 0x02;  // and destination
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

// The same in full: from a key with the command or in a slot, into the answer or into slots.
struct hkdf_source {
    uint8_t source = with_command;
    uint8_t mode = mode_hkdf;  // of a key with the command
    secret_bytes value;        // with the command
    uint8_t slot = 0;          // else

    static hkdf_source in(uint8_t slot) { return {in_slot_source, mode_hkdf, {}, slot}; }
    static hkdf_source of(secret_bytes value) { return {with_command, mode_hkdf, std::move(value), 0}; }
};
struct hkdf_wanted {
    uint8_t destination = with_answer;
    uint16_t length = 0;  // with the answer
    key_lock lock = key_lock::unlocked;
    key_kind kind;  // in a slot

    static hkdf_wanted octets(uint16_t length) { return {with_answer, length, key_lock::unlocked, {}}; }
    static hkdf_wanted into_slot(const key_kind& kind, key_lock lock = key_lock::unlocked) {
        return {in_slot_source, 0, lock, kind};
    }
};
struct hkdf_work {
    hkdf_source key;
    uint8_t flags = hkdf_extract_flag | hkdf_expand_flag;
    hash_name hash = hash_name(bytes_view(oid_sha256));
    hkdf_source salt;  // when it extracts; of no octets: 32 zeros
    bytes info;        // when it expands
    std::vector<hkdf_wanted> wanted;
};
void put(wire::writer& w, const hkdf_work& work);
void get(wire::reader& r, hkdf_work& work);

// The answer: what goes with it, and the number of each slot that was filled, in the order in which they were asked for; after
// extracting alone, the number of the slot with the pseudorandom key.
struct derive_keys_among_slots {
    hkdf_work work;
    BERTH_FIELDS(work)
    static constexpr command_info about{extended_prefix, "DeriveKeys", repeat::never, time_not_published, 0x10};
    using answer = derived_answer;
};

}  // namespace berth::keystore::stsafe
