#include "factory/tpm_ldevid.h"

#include "crypto/hash.h"
#include "factory/messages/ldevid_answer.h"
#include "factory/messages/ldevid_challenge.h"
#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/endorsement.h"

namespace berth::factory {

namespace {

using namespace keystore::tpm2;

result<endorsement_certificate> named_endorsement(const tpm_ldevid& key) {
    BERTH_TRY(there, endorsement_certificates(key.in));
    const auto& named = key.identity.permanent_id();
    for (endorsement_certificate& c : there) {
        if (named && to_hex(crypto::sha256(c.der).view()) == named->value) {
            return std::move(c);
        }
    }
    return fail(error_category::environment, "ek_mismatch",
                "The TPM does not hold the endorsement certificate that the device's IDevID certificate names.");
}

}  // namespace

result<ldevid_tpm_claim> claim_ldevid(const tpm_ldevid& key) {
    BERTH_TRY(endorsement, named_endorsement(key));
    ldevid_tpm_claim out;
    out.endorsement_certificate = der_field(endorsement.der);
    BERTH_TRY(iak, create_primary(key.in, hierarchy::endorsement, iak_template()));
    out.attestation_key = tpm_field(iak.area().encode());
    BERTH_TRY(ldevid, open_persistent(key.in, key.handle));
    out.ldevid_key = tpm_field(ldevid.area().encode());
    return out;
}

result<bytes> answer_ldevid(const tpm_ldevid& key, bytes_view request, bytes_view octets) {
    BERTH_TRY(challenge, wire::decode<ldevid_challenge>(octets));
    if (challenge.version != factory_version) {
        return fail(error_category::incompatible, "unsupported_version",
                    "The challenge is of a version that is not spoken here.");
    }
    if (!same_octets(challenge.request_hash, crypto::sha256(request).view())) {
        return fail(error_category::peer, "wrong_challenge", "The challenge is not for this device's request.");
    }
    ldevid_answer out;
    out.serial = challenge.serial;
    out.request_hash = challenge.request_hash;
    BERTH_TRY(endorsement, named_endorsement(key));
    BERTH_TRY(iak, create_primary(key.in, hierarchy::endorsement, iak_template()));
    {
        BERTH_TRY(ek, certified_endorsement_key(key.in, endorsement));
        BERTH_TRY(activated, activate_credential(iak, ek, endorsement.kind,
                                                 {challenge.tpm.credential_blob.value, challenge.tpm.encrypted_secret.value}));
        out.activated = wire::opaque<1, 64>(activated.reveal());
    }
    BERTH_TRY(ldevid, open_persistent(key.in, key.handle));
    BERTH_TRY(said, certify(ldevid, iak, challenge.tpm.freshness));
    out.ldevid_key = {tpm_field(std::move(said.octets)), tpm_field(std::move(said.signature))};
    return wire::encode(out);
}

}  // namespace berth::factory
