// A unit whose keys are in a TPM 2.0 (docs/tpm.md has the layout).
#pragma once

#include "factory/unit.h"
#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/endorsement.h"
#include "keystore/tpm2/sealed_file.h"

namespace berth::factory {

struct tpm_unit_settings {
    keystore::tpm2::devid_layout at;
    keystore::tpm2::seal_condition when = keystore::tpm2::always{};  // the TPM gives the ML-KEM seed back
    // What the TPM's maker publishes beside the certificate in the TPM; may be empty.
    std::vector<pki::certificate> endorsement_issuers;
    // Which endorsement certificate, if there are several; none: the first of P-256, P-384 and RSA that is there.
    std::optional<attestation::ek_kind> endorsement;
};

class tpm_unit final : public unit {
public:
    // Makes the keys, or finds those that an interrupted attempt has made; they differ from the former ones only in the ML-KEM
    // half, whose seed is new unless `sealed` is given. Errors ek_without_certificate, those of the TPM.
    static result<std::unique_ptr<tpm_unit>> make(const keystore::tpm2::device_ptr& in, unit_name name,
                                                  const tpm_unit_settings& settings, random_source& random,
                                                  std::optional<keystore::tpm2::sealed_file> sealed = {});

    // What goes beside p3.uri.
    const keystore::tpm2::sealed_file& sealed() const noexcept { return sealed_; }

    // The certificate in the identity's NV index; nothing where the index is not defined. Errors of the TPM, bad_certificate.
    result<std::optional<pki::certificate>> stored_identity();
    // Puts the identity's certificate into its NV index, unless that very certificate is there; locked then. Errors
    // nv_exists: another one is; certificate_too_large: its issuer's key is a post-quantum one.
    result<void> store_identity(const pki::certificate& leaf);

private:
    struct parts {
        keystore::signing_key_ptr identity;
        keystore::kem_key_ptr kem;
        keystore::tpm2::sealed_file sealed;
        keystore::tpm2::endorsement_certificate endorsement;
    };
    tpm_unit(const keystore::tpm2::device_ptr& in, unit_name name, const tpm_unit_settings& settings, parts made);
    result<std::vector<tpm_claim>> claim() override;
    result<tpm_answer> answer_tpm(const tpm_challenge& challenge) override;
    result<bytes> attestation_spki() const override;

    keystore::tpm2::device_ptr in_;
    tpm_unit_settings settings_;
    keystore::tpm2::sealed_file sealed_;
    keystore::tpm2::endorsement_certificate endorsement_;
};

}  // namespace berth::factory
