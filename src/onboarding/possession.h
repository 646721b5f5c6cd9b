// Proof that a device holds the keys it asks certificates for (docs/onboarding.md section 6).
#pragma once

#include "base/random.h"
#include "base/secret.h"
#include "crypto/kem.h"
#include "keystore/key.h"
#include "onboarding/channel.h"
#include "onboarding/messages/challenge.h"
#include "onboarding/messages/credential_requests.h"

#include <map>

namespace berth::onboarding {

// The challengePassword of a PKCS#10: base64 of the KK2 exporter "EXPORTER-berth-csr" (32), "so that a registrar cannot
// hand one device's request on as another's".
std::string csr_binding(const exporter_function& kk2);

// HPKE base-mode seal of 32 random octets to the key, bound to KK2 and to the key.
struct kem_challenge {
    challenge_item item;
    secret_bytes secret;  // what the device must return
};
kem_challenge challenge_kem_key(const name_field& name, const crypto::kem_public_key& key, bytes_view channel_binding,
                                random_source& random);

// The device's side. Errors `possession_unconfirmed` when the challenge is not for this key on this KK2; `keystore_failed`: who
// holds the key says why it cannot be used.
result<challenge_answer> answer_challenge(const challenge_item& item, const keystore::kem_key& key, bytes_view channel_binding);

}  // namespace berth::onboarding
