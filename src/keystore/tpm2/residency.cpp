#include "keystore/tpm2/residency.h"

#include "attestation/credential.h"
#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/endorsement.h"

namespace berth::keystore::tpm2 {

namespace {

struct believed_ek {
    attestation::verified_endorsement proof;
    endorsement_certificate certificate;
};

// TPMs have several, and a maker may stand behind one of them by a root that nobody gave.
result<believed_ek> believed(const device_ptr& in, const attestation::maker_roots& makers, unix_seconds now) {
    BERTH_TRY(all, endorsement_certificates(in));
    error why{error_category::environment, "ek_certificate_missing",
              "The TPM holds no endorsement certificate: its maker vouches for it elsewhere, or not at all."};
    for (auto& candidate : all) {
        auto parsed = pki::certificate::parse(candidate.der);
        if (!parsed) {
            why = std::move(parsed).error();
            continue;
        }
        auto proof = attestation::verify_endorsement(*parsed, makers, now);
        if (proof) {
            return believed_ek{std::move(*proof), std::move(candidate)};
        }
        why = std::move(proof).error();
    }
    return fail(std::move(why));
}

// That the attestation key is in the TPM of the endorsement key.
result<void> activate(const device_ptr& in, const object& iak, const believed_ek& by, random_source& random) {
    BERTH_TRY(ek, certified_endorsement_key(in, by.certificate));
    BERTH_TRY(challenge, attestation::credential_challenge::make(by.proof.certificate().spki(), iak.area(), random));
    BERTH_TRY(returned, activate_credential(iak, ek, by.certificate.kind, challenge.sent()));
    BERTH_CHECK(challenge.accept(returned.reveal()));
    return {};
}

}  // namespace

result<residency> prove_residency(const device_ptr& in, const std::vector<uint32_t>& handles,
                                  const attestation::maker_roots& makers, unix_seconds now, random_source& random) {
    BERTH_TRY(ek, believed(in, makers, now));
    BERTH_TRY(iak, create_primary(in, hierarchy::endorsement, iak_template()));
    BERTH_TRY(attester, attestation::attestation_key::accept(iak.area()));
    BERTH_CHECK(activate(in, iak, ek, random));
    residency out{std::move(ek.proof), {}};
    for (const uint32_t handle : handles) {
        BERTH_TRY(key, open_persistent(in, handle));
        const auto nonce = random.octets<32>();
        BERTH_TRY(said, certify(key, iak, nonce));
        BERTH_TRY(proved, attestation::verify_certify(said, attester, nonce, key.area()));
        out.keys.push_back(std::move(proved));
    }
    return out;
}

}  // namespace berth::keystore::tpm2
