#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

struct challenge_item {
    name_field name;
    wire::opaque<1, 4096> enc;
    std::array<uint8_t, 48> sealed{};
    BERTH_FIELDS(name, enc, sealed)
};

// 10, KK2, registrar to device: prove that you hold the KEM keys you asked certificates for.
struct challenge {
    wire::list<challenge_item, 1, 32768> challenges;
    BERTH_FIELDS(challenges)
};

struct challenge_answer {
    name_field name;
    std::array<uint8_t, 32> secret{};
    BERTH_FIELDS(name, secret)
};

// 11, KK2, device to registrar.
struct challenge_response {
    wire::list<challenge_answer, 1, 32768> responses;
    BERTH_FIELDS(responses)
};

}  // namespace berth::onboarding
