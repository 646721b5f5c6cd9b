// Whatever parses as a TPM's public area is itself again, and every question about it and about an attestation has an answer.
#include "attestation/endorsement.h"
#include "attestation/verify.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    using namespace berth::attestation;
    const bytes_view octets(data, size);
    if (const auto area = public_area::parse(octets)) {
        if (!same_octets(area->encode(), octets)) {
            std::abort();
        }
        const auto spki = area->spki();
        // What a server works out from a certificate's key never says more than the key.
        if (const auto ek = spki ? ek_from_spki(*spki) : result<public_area>(fail(spki.error())); ek && *ek->spki() != *spki) {
            std::abort();
        }
        if (const auto key = attestation_key::accept(*area)) {
            // Nobody has signed anything.
            if (verify_certify({to_bytes(octets), to_bytes(octets)}, *key, {}, *area)) {
                std::abort();
            }
        }
    }
    (void)attest::parse(octets);
    for (const auto alg : {crypto::signature_algorithm::ecdsa_p256_sha256, crypto::signature_algorithm::ecdsa_p384_sha384}) {
        if (const auto der = ecdsa_signature_der(octets, alg); der && !ecdsa_signature_tpm(*der, alg)) {
            std::abort();
        }
    }
    (void)ek_from_spki(octets);
    return 0;
}
