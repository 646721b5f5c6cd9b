#pragma once
#include "factory/messages/common.h"
#include "onboarding/messages/challenge.h"

namespace berth::factory {

// TPM2_ActivateCredential's input, and the qualifying data of the certifications.
struct tpm_challenge {
    tpm_field credential_blob;
    tpm_field encrypted_secret;
    std::array<uint8_t, 32> freshness{};
    BERTH_FIELDS(credential_blob, encrypted_secret, freshness)
};

// 2, issuer to unit: "show that they are yours, and where they are".
struct unit_challenge {
    uint16_t version = factory_version;
    serial_field serial;
    hash_field request_hash{};  // SHA-256 of the request's octets
    onboarding::challenge_item kem;
    wire::list<tpm_challenge, 0, 4096> tpm;
    BERTH_FIELDS(version, serial, request_hash, kem, tpm)
};

}  // namespace berth::factory
