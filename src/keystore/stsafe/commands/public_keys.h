// WritePublicKey and DecompressPublicKey, extended commands of the A120, and its table of generic public keys: keys of others,
// each with what it may be used for [stsafea_public_key_slots.c, stsafea_ecc.c].
#pragma once

#include "keystore/stsafe/commands/attributes.h"
#include "keystore/stsafe/commands/keys.h"

namespace berth::keystore::stsafe {

// [stsafea_public_key_slots.h] stsafea_generic_public_key_configuration_flags_t: the second of two octets.
namespace public_key_use {
inline constexpr uint8_t change_right = 0x01;  // the flags, and [model] the key, may be changed again
inline constexpr uint8_t establish_symmetric_key = 0x02;
inline constexpr uint8_t start_kek_session = 0x04;
inline constexpr uint8_t entity_authentication = 0x08;
inline constexpr uint8_t establish_host_key = 0x10;
inline constexpr uint8_t all = 0x1f;
}  // namespace public_key_use

struct write_public_key {
    uint8_t slot = 0;
    curve_name curve;
    point key;
    BERTH_FIELDS(slot, curve, key)
    static constexpr command_info about{extended_prefix, "WritePublicKey", repeat::allowed, time_not_published, 0x0a};
    using answer = no_answer;
};

// Query 48. [model] What follows the count the driver does not read: for each slot its number, presence, flags.
struct public_keys_content {
    uint8_t count = 0;
    rest entries;
    BERTH_FIELDS(count, entries)
};

// Query 4C, one slot: presence, flags; of a present key its curve and the key.
struct query_public_key {
    attribute tag = attribute::public_key_slot;
    uint8_t slot = 0;
    BERTH_FIELDS(tag, slot)
    static constexpr command_info about{0x14, "Query", repeat::allowed, 5};
    using answer = query_answer;
};
struct public_key_slot_content {
    uint8_t present = 0;
    uint8_t filler = 0;
    uint8_t flags = 0;
    rest key;  // public_key_value, when present
    BERTH_FIELDS(present, filler, flags, key)
};
struct public_key_value {
    curve_name curve;
    point key;
    BERTH_FIELDS(curve, key)
};

// PutAttribute 4D.
struct public_key_flags_content {
    uint8_t slot = 0;
    uint8_t filler = 0;
    uint8_t flags = 0;
    BERTH_FIELDS(slot, filler, flags)
};

struct decompressed_answer {
    rest y;
    BERTH_FIELDS(y)
};
// The coordinates of this one have no length before them.
struct decompress_public_key {
    curve_name curve;
    uint8_t form = 0x02;  // 02: y is even; 03: odd
    rest x;
    BERTH_FIELDS(curve, form, x)
    static constexpr command_info about{extended_prefix, "DecompressPublicKey", repeat::allowed, time_not_published, 0x1a};
    using answer = decompressed_answer;
};

}  // namespace berth::keystore::stsafe
