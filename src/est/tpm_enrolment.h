// Enrolment whose answer one TPM alone can open. No RFC has it; the bodies are those of GlobalSign's EST (`tpmenroll`), and three
// parts more where the key to be certified is not the attestation key itself:
//
//   request, multipart/mixed, in this order:        answer, in this order:
//     application/pkcs10                              application/octet-stream   TPMS_ID_OBJECT
//     application/pkcs7-mime  EK certificates         application/octet-stream   the encrypted seed
//     application/octet-stream  TPMT_PUBLIC, EK       application/pkcs7-mime; smime-type=enveloped-data: the certificate
//     application/octet-stream  TPMT_PUBLIC, AK
//     application/octet-stream  TPMT_PUBLIC of the key
//     application/octet-stream  TPMS_ATTEST, by TPM2_Certify; qualifying data: SHA-256 of the PKCS#10
//     application/octet-stream  TPMT_SIGNATURE, by the AK
//
// What the first two parts of an answer open to, with TPM2_ActivateCredential, is the key of the third.
#pragma once

#include "attestation/credential.h"
#include "attestation/verify.h"
#include "est/multipart.h"
#include "pki/verify.h"

namespace berth::est {

struct tpm_request {
    bytes csr;
    std::vector<pki::certificate> endorsement;  // the EK's first
    bytes endorsement_key, attestation_key;     // TPMT_PUBLIC
    // Where the PKCS#10 is another key's than the attestation key's: that this one is in the same TPM.
    struct certified {
        bytes key;  // TPMT_PUBLIC
        attestation::signed_attest said;
    };
    std::optional<certified> resident = {};
};
// What TPM2_Certify has to have as qualifying data.
bytes certify_with(bytes_view csr);

// Errors bad_multipart, too_large, bad_base64, bad_certs_only.
result<tpm_request> read_tpm_request(const media_type& type, std::string_view body);
// Of content type body_writer::content_type().
std::string tpm_request_body(const tpm_request& request, framing how);

struct tpm_answer {
    attestation::protected_credential credential;
    bytes envelope;
};
result<tpm_answer> read_tpm_answer(const media_type& type, std::string_view body);
std::string tpm_answer_body(const tpm_answer& answer, framing how);
// With what TPM2_ActivateCredential has given. Errors of pki::open_envelope; bad_certificate.
result<pki::certificate> open_tpm_answer(const tpm_answer& answer, const secret_bytes& activated);

// That a maker who is believed vouches for a TPM, and that a key is in the TPM of this attestation key. Whether both are the same
// TPM is not known: that is why what is issued goes into an envelope. Made by judge() alone.
class endorsed_key {
public:
    // `makers`: roots of TPMs' makers; `lists`: whether each CA must have one. Errors: those of pki::verify_chain; ek_mismatch:
    // the endorsement key shown is not that of the certificate; not_an_attestation_key, tpm_unsupported, tpm_structure_malformed;
    // key_not_shown: nothing says where the key of the PKCS#10 is; key_mismatch: what says so speaks of another key; those of
    // attestation::verify_certify.
    static result<endorsed_key> judge(const tpm_request& request, bytes_view csr_spki, const pki::trust_store& makers,
                                      unix_seconds now, pki::crl_policy lists = pki::crl_policy::if_present);

    endorsed_key(endorsed_key&&) noexcept = default;
    endorsed_key& operator=(endorsed_key&&) noexcept = default;
    endorsed_key(const endorsed_key&) = delete;
    endorsed_key& operator=(const endorsed_key&) = delete;

    const pki::verified_chain& endorsement() const noexcept { return endorsement_; }
    bytes_view spki() const noexcept { return spki_; }
    // Error `wrong_key` (internal): the certificate is another key's.
    result<tpm_answer> seal(const pki::certificate& issued, random_source& random) const;

private:
    endorsed_key(pki::verified_chain endorsement, attestation::public_area ek, bytes name, bytes spki)
        : endorsement_(std::move(endorsement)), ek_(std::move(ek)), name_(std::move(name)), spki_(std::move(spki)) {}
    pki::verified_chain endorsement_;
    attestation::public_area ek_;
    bytes name_;  // of the attestation key
    bytes spki_;
};

}  // namespace berth::est
