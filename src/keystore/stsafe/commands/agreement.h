// EstablishSymmetricKeys and ConfirmSymmetricKeys, extended commands of the A120 [stsafea_symmetric_key_slots.c]: host and chip
// agree on keys for symmetric key slots, which never cross the bus. How they follow from the agreement stands in kek.h. First
// comes GenerateECDHE (kek.h).
#pragma once

#include "keystore/stsafe/commands/kek.h"
#include "keystore/stsafe/commands/symmetric_keys.h"

namespace berth::keystore::stsafe {

inline constexpr uint8_t symmetric_agreement = 0x02;  // [stsafea_ecc.h] STSAFEA_ALGORITHM_ID_ESTABLISH_SYM_KEY

struct establish_symmetric_keys {
    curve_name curve;
    point host_key;
    uint8_t algorithm = symmetric_agreement;
    BERTH_FIELDS(curve, host_key, algorithm)
    static constexpr command_info about{extended_prefix, "EstablishSymmetricKeys", repeat::never, time_not_published, 0x04};
    using answer = no_answer;
};

// With a signature over kek_signed_content, by the key in a generic public key slot with the use establish_symmetric_key.
struct establish_symmetric_keys_authenticated {
    curve_name curve;
    point host_key;
    uint8_t algorithm = symmetric_agreement;
    uint8_t filler = 0;
    uint8_t slot = 0;
    hash_name hash;
    signature made;
    BERTH_FIELDS(curve, host_key, algorithm, filler, slot, hash, made)
    static constexpr command_info about = establish_symmetric_keys::about;
    using answer = no_answer;
};

// Which key goes where: after its length in two octets, what WriteSymmetricKey says before the key.
struct agreed_key {
    key_lock lock = key_lock::unlocked;
    uint8_t slot = 0;
    key_kind kind;
};
// Up to the end of the frame.
struct agreed_key_list {
    std::vector<agreed_key> keys;
};
void put(wire::writer& w, const agreed_key_list& list);
void get(wire::reader& r, agreed_key_list& list);

// What the MAC of the confirmation is made over.
struct confirmed_content {
    agreed_key_list wanted;
    BERTH_FIELDS(wanted)
};
inline constexpr size_t confirmation_mac_size = 8;  // [stse_generic_typedef.h] STSE_KEY_CONFIRMATION_MAC_SIZE
struct confirm_symmetric_keys {
    std::array<uint8_t, confirmation_mac_size> mac{};
    agreed_key_list wanted;
    BERTH_FIELDS(mac, wanted)
    static constexpr command_info about{extended_prefix, "ConfirmSymmetricKeys", repeat::never, time_not_published, 0x05};
    using answer = no_answer;
};

}  // namespace berth::keystore::stsafe
