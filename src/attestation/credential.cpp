#include "attestation/credential.h"

#include "attestation/endorsement.h"
#include "attestation/seed.h"
#include "crypto/constant_time.h"

#include <array>

namespace berth::attestation {

result<protected_credential> make_credential(const public_area& ek, bytes_view object_name, bytes_view secret,
                                             random_source& random) {
    BERTH_TRY(transported, transport_seed(ek, "IDENTITY", random));
    if (secret.size() > crypto::hash_size(hash_of(ek.name_alg).value_or(crypto::hash_algorithm::sha256))) {
        return fail(error_category::internal, "credential_too_large",
                    "A credential for an endorsement key may not be longer than a digest of its hash.");
    }
    secret_bytes sized;
    sized.append(std::array<uint8_t, 2>{static_cast<uint8_t>(secret.size() >> 8U), static_cast<uint8_t>(secret.size())});
    sized.append(secret);
    // TPMS_ID_OBJECT (Part 2, 12.4.2) over the sized credential.
    return protected_credential{seal_for(ek, transported, object_name, sized.reveal()), std::move(transported.encrypted)};
}

result<credential_challenge> credential_challenge::make(bytes_view ek_spki, public_area key, random_source& random) {
    credential_challenge out;
    BERTH_TRY(ek, ek_from_spki(ek_spki));
    out.secret_.resize(32);
    random.fill(out.secret_.writable());
    BERTH_TRY(sent, make_credential(ek, key.name(), out.secret_.reveal(), random));
    out.ek_ = std::move(ek);
    out.key_ = std::move(key);
    out.sent_ = std::move(sent);
    return out;
}

result<credential_challenge> credential_challenge::resume(bytes_view ek_spki, public_area key, secret_bytes awaited) {
    credential_challenge out;
    BERTH_TRY(ek, ek_from_spki(ek_spki));
    out.ek_ = std::move(ek);
    out.key_ = std::move(key);
    out.secret_ = std::move(awaited);
    return out;
}

result<activated_key> credential_challenge::accept(bytes_view returned) {
    if (secret_.empty() || !crypto::equal(secret_.reveal(), returned)) {
        return fail(error_category::peer, "credential_not_activated",
                    "The device did not return the secret that only the TPM of its endorsement certificate could read: its "
                    "keys are in another TPM, or in none.");
    }
    secret_.clear();
    return activated_key(key_, ek_);
}

}  // namespace berth::attestation
