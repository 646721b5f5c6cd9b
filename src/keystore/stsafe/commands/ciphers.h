// What a key in a symmetric key slot is for, on an A120: Encrypt and Decrypt, the same in pieces (extended 11 to 16), GenerateMac
// and VerifyMac [stsafea_aes.c, stsafea_mac.c]. Which of the forms a command has, the mode of the slot's key tells.
#pragma once

#include "keystore/stsafe/commands/keys.h"

namespace berth::keystore::stsafe {

inline constexpr uint8_t by_slot = 0x02;      // the first octet, without a name there
inline constexpr uint8_t mac_by_slot = 0x03;  // of GenerateMac
inline constexpr size_t ccm_nonce_size = 13;  // [stsafea_aes.h] STSAFEA_NONCE_SIZE

struct ciphered_answer {
    rest octets;  // what is in it, each command says
    BERTH_FIELDS(octets)
};
struct deciphered_answer {
    secret_rest message;
    BERTH_FIELDS(message)
};
struct opened_answer {
    uint8_t valid = 0;
    secret_rest message;  // [model] none when it is not valid
    BERTH_FIELDS(valid, message)
};

// ECB: whole blocks.
struct encrypt_ecb {
    uint8_t form = by_slot;
    uint8_t slot = 0;
    secret_rest message;
    BERTH_FIELDS(form, slot, message)
    static constexpr command_info about{0x1b, "Encrypt", repeat::allowed, time_not_published};
    using answer = ciphered_answer;
};
struct decrypt_ecb {
    uint8_t form = by_slot;
    uint8_t slot = 0;
    rest message;
    BERTH_FIELDS(form, slot, message)
    static constexpr command_info about{0x1c, "Decrypt", repeat::allowed, time_not_published};
    using answer = deciphered_answer;
};

// CCM*. The answer: the message encrypted, the tag, one octet, and when that is not zero the counter of four octets. (The
// published driver leaves the message out where there is no associated data, after its length: a slip.)
struct encrypt_ccm {
    uint8_t form = by_slot;
    uint8_t slot = 0;
    std::array<uint8_t, ccm_nonce_size> nonce{};
    lengthy associated;
    secret_lengthy message;
    BERTH_FIELDS(form, slot, nonce, associated, message)
    static constexpr command_info about{0x1b, "Encrypt", repeat::never, time_not_published};
    using answer = ciphered_answer;
};
struct decrypt_ccm {
    uint8_t form = by_slot;
    uint8_t slot = 0;
    std::array<uint8_t, ccm_nonce_size> nonce{};
    lengthy associated;
    lengthy message;  // and the tag, in the same length
    BERTH_FIELDS(form, slot, nonce, associated, message)
    static constexpr command_info about{0x1c, "Decrypt", repeat::allowed, time_not_published};
    using answer = opened_answer;
};

// GCM; without a message it is GMAC. The answer: the message encrypted, the tag.
struct encrypt_gcm {
    uint8_t form = by_slot;
    uint8_t slot = 0;
    lengthy nonce;
    lengthy associated;
    secret_lengthy message;
    BERTH_FIELDS(form, slot, nonce, associated, message)
    static constexpr command_info about{0x1b, "Encrypt", repeat::allowed, time_not_published};
    using answer = ciphered_answer;
};
struct decrypt_gcm {
    uint8_t form = by_slot;
    uint8_t slot = 0;
    lengthy nonce;
    lengthy associated;
    lengthy message;
    rest tag;
    BERTH_FIELDS(form, slot, nonce, associated, message, tag)
    static constexpr command_info about{0x1c, "Decrypt", repeat::allowed, time_not_published};
    using answer = opened_answer;
};

// In pieces. CCM* has to know beforehand how much there will be. The answer: the piece encrypted, and then as encrypt_ccm's.
struct start_encrypt_ccm {
    uint8_t slot = 0;
    lengthy nonce;
    uint16_t all_associated = 0;
    uint32_t all_message = 0;
    lengthy associated;
    secret_lengthy message;
    BERTH_FIELDS(slot, nonce, all_associated, all_message, associated, message)
    static constexpr command_info about{extended_prefix, "StartEncrypt", repeat::never, time_not_published, 0x11};
    using answer = ciphered_answer;
};
struct start_encrypt_gcm {
    uint8_t slot = 0;
    lengthy nonce;
    lengthy associated;
    secret_lengthy message;
    BERTH_FIELDS(slot, nonce, associated, message)
    static constexpr command_info about = start_encrypt_ccm::about;
    using answer = ciphered_answer;
};
struct process_encrypt {
    lengthy associated;
    secret_lengthy message;
    BERTH_FIELDS(associated, message)
    static constexpr command_info about{extended_prefix, "ProcessEncrypt", repeat::never, time_not_published, 0x12};
    using answer = ciphered_answer;
};
// The answer: the piece encrypted, the tag.
struct finish_encrypt {
    lengthy associated;
    secret_lengthy message;
    BERTH_FIELDS(associated, message)
    static constexpr command_info about{extended_prefix, "FinishEncrypt", repeat::never, time_not_published, 0x13};
    using answer = ciphered_answer;
};

struct start_decrypt_ccm {
    uint8_t slot = 0;
    lengthy nonce;
    uint16_t all_associated = 0;
    uint32_t all_message = 0;  // [model] without the tag
    lengthy associated;
    lengthy message;
    BERTH_FIELDS(slot, nonce, all_associated, all_message, associated, message)
    static constexpr command_info about{extended_prefix, "StartDecrypt", repeat::never, time_not_published, 0x14};
    using answer = deciphered_answer;
};
struct start_decrypt_gcm {
    uint8_t slot = 0;
    lengthy nonce;
    lengthy associated;
    lengthy message;
    BERTH_FIELDS(slot, nonce, associated, message)
    static constexpr command_info about = start_decrypt_ccm::about;
    using answer = deciphered_answer;
};
struct process_decrypt {
    lengthy associated;
    lengthy message;
    BERTH_FIELDS(associated, message)
    static constexpr command_info about{extended_prefix, "ProcessDecrypt", repeat::never, time_not_published, 0x15};
    using answer = deciphered_answer;
};
struct finish_decrypt {
    lengthy associated;
    lengthy message;
    rest tag;
    BERTH_FIELDS(associated, message, tag)
    static constexpr command_info about{extended_prefix, "FinishDecrypt", repeat::never, time_not_published, 0x16};
    using answer = opened_answer;
};

// CMAC of 2, 4, 8 or 16 octets, HMAC of 16 to 32.
struct generate_mac {
    uint8_t form = mac_by_slot;
    uint8_t slot = 0;
    uint8_t length = 16;
    rest message;
    BERTH_FIELDS(form, slot, length, message)
    static constexpr command_info about{0x09, "GenerateMac", repeat::allowed, time_not_published};
    using answer = ciphered_answer;
};
struct verify_mac {
    uint8_t form = by_slot;
    uint8_t slot = 0;
    wire::opaque<0, 255> mac;
    rest message;
    BERTH_FIELDS(form, slot, mac, message)
    static constexpr command_info about{0x0a, "VerifyMac", repeat::allowed, time_not_published};
    using answer = verdict_answer;
};

}  // namespace berth::keystore::stsafe
