#include "keystore/stsafe/authentication.h"

#include "keystore/held_keys.h"
#include "keystore/stsafe/commands/keys.h"
#include "keystore/stsafe/keys.h"
#include "keystore/stsafe/zone_io.h"

namespace berth::keystore::stsafe {

result<bytes> sign_as_element(device& chip, uint8_t slot, const pki::certificate& of, bytes_view message) {
    BERTH_TRY(key, of.verification_key());
    if (crypto::is_post_quantum(key.algorithm())) {
        return fail(error_category::usage, "wrong_key_kind",
                    "The certificate is of a key that no STSAFE-A can hold (" + std::string(crypto::name_of(key.algorithm())) +
                        "); it is not this chip's.");
    }
    auto made = sign_in_slot(chip, slot, key.algorithm(), digest_for(key.algorithm(), message));
    if (!made) {
        return fail(in_slot(std::move(made).error(), slot));
    }
    return made;
}

result<attestation::verified_element> authenticate(device& chip, const identity_place& place, const pki::trust_store& makers,
                                                   unix_seconds now, random_source& random) {
    auto certificate = read_certificate(chip, place.zone, strongest(chip));
    if (!certificate) {
        return fail(std::move(certificate).error().during("reading the certificate"));
    }
    auto chain = attestation::verify_element_chain(makers, {&*certificate, 1}, now);
    if (!chain) {
        return fail(std::move(chain).error().during("verifying the certificate"));
    }
    BERTH_TRY(challenge, attestation::element_challenge::draw(std::string(attestation::local_audience), random));
    auto signature = sign_as_element(chip, place.slot, *certificate, challenge.message());
    if (!signature) {
        return fail(std::move(signature).error().during("having the challenge signed"));
    }
    auto element = challenge.accept(std::move(*chain), *signature);
    if (!element) {
        return fail(std::move(element).error().during("verifying the signature over the challenge"));
    }
    return element;
}

}  // namespace berth::keystore::stsafe
