// GenerateChallenge and VerifyEntitySignature, extended commands of the A120 [stsafea_entity_auth.c]: somebody whose public key
// lies in the chip, with the use entity_authentication, proves that he is there.
#pragma once

#include "keystore/stsafe/commands/keys.h"

namespace berth::keystore::stsafe {

inline constexpr size_t challenge_size = 16;  // [stse_generic_typedef.h] STSE_EDDSA_CHALLENGE_SIZE

struct challenge_answer {
    std::array<uint8_t, challenge_size> challenge{};
    BERTH_FIELDS(challenge)
};
struct generate_challenge {
    BERTH_FIELDS()
    static constexpr command_info about{extended_prefix, "GenerateChallenge", repeat::allowed, time_not_published, 0x0e};
    using answer = challenge_answer;
};

// [model] ECDSA over the challenge's SHA-256 (P-256) or SHA-384 (P-384): the driver hands a signature on, and does not say of
// what. A challenge counts for one signature, right or wrong.
struct verify_entity_signature {
    uint8_t filler = 0;
    uint8_t slot = 0;
    signature made;
    BERTH_FIELDS(filler, slot, made)
    static constexpr command_info about{extended_prefix, "VerifyEntitySignature", repeat::never, time_not_published, 0x0f};
    using answer = verdict_answer;
};

}  // namespace berth::keystore::stsafe
