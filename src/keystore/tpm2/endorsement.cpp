#include "keystore/tpm2/endorsement.h"

#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/nv.h"
#include "keystore/tpm2/session_tss2.h"
#include "pki/certificate.h"

namespace berth::keystore::tpm2 {

result<std::vector<endorsement_certificate>> endorsement_certificates(const device_ptr& in) {
    std::vector<endorsement_certificate> out;
    for (const attestation::ek_kind kind : attestation::all_ek_kinds) {
        auto der = read_certificate(in, attestation::profile_of(kind).certificate_index);
        if (der) {
            out.push_back({kind, std::move(*der)});
        } else if (!der.error().is("nv_not_found") && !der.error().is("nv_unwritten")) {
            return fail(std::move(der).error());
        }
    }
    return out;
}

result<object> create_endorsement_key(const device_ptr& in, attestation::ek_kind kind) {
    return create_primary(in, hierarchy::endorsement, attestation::ek_template(kind));
}

result<object> certified_endorsement_key(const device_ptr& in, const endorsement_certificate& certificate) {
    BERTH_TRY(parsed, pki::certificate::parse(certificate.der));
    BERTH_TRY(key, create_endorsement_key(in, certificate.kind));
    BERTH_TRY(spki, key.area().spki());
    if (!same_octets(spki, parsed.spki())) {
        return fail(error{error_category::environment, "ek_mismatch",
                          "The endorsement certificate in the TPM is not for the key that the TPM makes: it is a copy of another "
                          "TPM's, or this TPM's endorsement seed was changed (TPM2_ChangeEPS)."}
                        .with("ek", std::string(attestation::profile_of(certificate.kind).name)));
    }
    return key;
}

result<secret_bytes> activate_credential(const object& key, const object& ek, attestation::ek_kind kind,
                                         const attestation::protected_credential& credential) {
    const device_ptr& in = key.owner();
    const hold esys(*in);
    TPM2B_ID_OBJECT blob{};
    TPM2B_ENCRYPTED_SECRET secret{};
    if (!fill(blob.size, blob.credential, credential.blob) || !fill(secret.size, secret.secret, credential.encrypted_secret)) {
        return fail(attestation::malformed("protected credential", "it is too long."));
    }
    // "The use of activateHandle requires ADMIN role": for keys with adminWithPolicy, the policy's branch for this command.
    BERTH_TRY(admin, session::start(in, TPM2_SE_POLICY, ESYS_TR_NONE));
    BERTH_CHECK(satisfy_devid_policy(admin, key.area(), attestation::cc_activate_credential));
    // The secret leaves the TPM encrypted; the session that authorizes the EK is salted with it and does that, too.
    const bool by_policy = attestation::profile_of(kind).by_policy;
    BERTH_TRY(user, session::start(in, by_policy ? TPM2_SE_POLICY : TPM2_SE_HMAC, ek.esys(), TPMA_SESSION_ENCRYPT));
    if (by_policy) {
        BERTH_CHECK(user.policy_secret(hierarchy::endorsement));
    }
    esys_out<TPM2B_DIGEST> out;
    const TSS2_RC rc = tss().Esys_ActivateCredential(esys, key.esys(), ek.esys(), admin.esys(), user.esys(), ESYS_TR_NONE, &blob,
                                                     &secret, out.slot());
    // On curves everything decrypts, and the integrity fails. What RSA cannot decrypt is TPM_RC_VALUE of the second parameter,
    // or (libtpms) TPM_RC_FAILURE, which a TPM that has truly failed goes on saying to everything.
    const bool undecryptable = (rc & 0xfffU) == (TPM2_RC_VALUE | TPM2_RC_P | TPM2_RC_2);
    if (undecryptable || (rc == TPM2_RC_FAILURE && in->random(1))) {
        error e = response_error(rc, "opening a credential");
        e.category = error_category::environment;
        e.name = "tpm_wrong_tpm";
        e.message = "opening a credential: It was made for the endorsement key of another TPM.";
        return fail(std::move(e));
    }
    BERTH_CHECK(check(rc, "opening a credential"));
    return secret_bytes(view(*out));
}

}  // namespace berth::keystore::tpm2
