// A unit in the making: the side of docs/factory.md that has the keys.
#pragma once

#include "base/random.h"
#include "factory/messages/unit_answer.h"
#include "factory/messages/unit_challenge.h"
#include "factory/messages/unit_grant.h"
#include "factory/messages/unit_request.h"
#include "keystore/key.h"
#include "pki/certificate.h"

namespace berth::factory {

struct unit_name {
    std::string serial;
    std::string model;
};

// What the issuer granted, held against the unit's own keys.
struct unit_certificates {
    std::vector<pki::certificate> identity;  // leaf first
    std::vector<pki::certificate> kem;
    std::vector<pki::certificate> attestation;  // of a TPM's IAK; empty: the keys are in none
};

// The keys are there, wherever their back end keeps them; this asks for their certificates. One back end adds what its chip
// can say of them.
class unit {
public:
    unit(unit_name name, std::string backend, keystore::signing_key_ptr identity, keystore::kem_key_ptr kem);
    virtual ~unit() = default;
    unit(const unit&) = delete;
    unit& operator=(const unit&) = delete;

    // The octets of a unit_request. Errors those of the chip, of pki::build_csr; too_large.
    result<bytes> request();
    // Goes on with a request that these keys made before. Errors malformed, bad_csr; wrong_request: it is another unit's.
    result<void> resume(bytes_view request);
    // The octets of the unit_answer to a unit_challenge. Errors malformed, unsupported_version; wrong_challenge: for another
    // request; possession_unconfirmed; those of the chip.
    result<bytes> answer(bytes_view challenge);
    // Errors malformed, wrong_grant: for another request, or its certificates are for other keys or another serial, or one
    // is missing or too many. Errors of the chip.
    result<unit_certificates> accept(bytes_view grant) const;

    const unit_name& name() const noexcept { return name_; }
    const keystore::signing_key& identity() const noexcept { return *identity_; }
    const keystore::kem_key& kem() const noexcept { return *kem_; }

protected:
    virtual result<std::vector<tpm_claim>> claim() { return std::vector<tpm_claim>(); }
    virtual result<tpm_answer> answer_tpm(const tpm_challenge& challenge);
    // The key that attests to where the others are; empty: there is none.
    virtual result<bytes> attestation_spki() const { return bytes(); }

private:
    unit_name name_;
    std::string backend_;
    keystore::signing_key_ptr identity_;
    keystore::kem_key_ptr kem_;
    hash_field request_hash_{};
};

}  // namespace berth::factory
