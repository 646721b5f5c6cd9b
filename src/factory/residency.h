// Whether a unit's keys are where it says: the manufacturer's side of docs/factory.md, for TPM 2.0 the single pass of the
// TCG's Keys for Device Identity and Attestation v1.0, 6.2.2.
#pragma once

#include "attestation/credential.h"
#include "attestation/verify.h"
#include "factory/messages/unit_answer.h"
#include "factory/messages/unit_challenge.h"
#include "factory/messages/unit_request.h"
#include "pki/csr.h"
#include "pki/verify.h"

namespace berth::factory {

// Whose TPMs are believed: the roots of their makers, and cross-signed or other CAs that units may leave out.
struct residency_policy {
    std::optional<pki::trust_store> tpm_makers;  // none: no TPM is believed
    unix_seconds now = 0;
};

// That a unit holds the keys of its request, and for a TPM that they are in it and cannot leave it.
class resident_unit {
public:
    resident_unit(resident_unit&&) noexcept = default;
    resident_unit& operator=(resident_unit&&) noexcept = default;
    resident_unit(const resident_unit&) = delete;
    resident_unit& operator=(const resident_unit&) = delete;

    const unit_request& request() const noexcept { return request_; }
    const hash_field& request_hash() const noexcept { return request_hash_; }
    bytes_view identity_spki() const noexcept { return identity_spki_; }
    bytes_view kem_spki() const noexcept { return request_.kem_key.view(); }
    // Of the TPM's attestation key; empty for keys that no TPM holds.
    bytes_view attestation_spki() const noexcept { return attestation_spki_; }
    // The certificate of the TPM that the identity key is in; nothing for keys that no TPM holds.
    const std::optional<pki::certificate>& endorsement() const noexcept { return endorsement_; }

private:
    friend class residency_check;
    resident_unit() = default;
    unit_request request_;
    hash_field request_hash_{};
    bytes identity_spki_;
    bytes attestation_spki_;
    std::optional<pki::certificate> endorsement_;
};

// One unit's way from request to proof. It answers once.
class residency_check {
public:
    // Judges a request and makes the challenge. Nothing that the request says of a TPM is believed yet but its endorsement
    // certificate, whose chain is verified here. Errors malformed, unsupported_version, bad_serial: not that of the PKCS#10;
    // unknown_backend, those of verified_csr; kem_key_invalid; tpm_claim_missing, tpm_claim_unexpected; tpm_maker_unknown: no
    // root of a TPM's maker is configured; those of pki::verify_chain; not_an_attestation_key; key_mismatch: the request's keys
    // are not those of the claim.
    static result<residency_check> begin(bytes_view request, const residency_policy& policy, random_source& random);

    // What goes to the unit.
    const unit_challenge& challenge() const noexcept { return challenge_; }

    // Errors malformed, wrong_answer: for another request; possession_unconfirmed; credential_not_activated; those of
    // attestation::verify_certify.
    result<resident_unit> finish(bytes_view answer);

    // To be kept while the answer is out, and as secret as an answer. Error malformed.
    secret_bytes save() const;
    static result<residency_check> restore(const secret_bytes& saved, const residency_policy& policy);

private:
    residency_check() = default;
    static result<residency_check> judge(bytes_view request, const residency_policy& policy);
    result<void> judge_tpm(const residency_policy& policy);
    result<void> finish_tpm(const tpm_answer& answer);

    bytes octets_;
    unit_request request_;
    hash_field request_hash_{};
    unit_challenge challenge_;
    secret_bytes kem_secret_;
    bytes identity_spki_;
    std::optional<pki::certificate> endorsement_;
    std::optional<attestation::attestation_key> iak_;
    std::optional<attestation::public_area> identity_;
    std::optional<attestation::public_area> kem_half_;
    std::optional<attestation::credential_challenge> credential_;
};

}  // namespace berth::factory
