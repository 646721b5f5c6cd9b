// What a TPM says of itself, on request: to be judged by attestation/verify.h, on this machine or another.
#pragma once

#include "attestation/verify.h"
#include "keystore/tpm2/object.h"

namespace berth::keystore::tpm2 {

// TPM2_Certify (Part 3, 18.2): `iak` says that `key`, made from a DevID template, is in this TPM. At most 64 octets of
// qualifying data. A key without adminWithPolicy is certified by its (empty) authorization value.
result<attestation::signed_attest> certify(const object& key, const object& iak, bytes_view qualifying_data);

// TPM2_Quote (Part 3, 18.4) of platform registers.
result<attestation::signed_attest> quote(const object& iak, bytes_view qualifying_data,
                                         const attestation::pcr_selection& selection);

// Their values now, unsigned: what to hold a quote against, or to approve a policy for.
result<attestation::pcr_values> read_registers(const device_ptr& in, const attestation::pcr_selection& selection);

// Both, of one instant. Error tpm_busy: something goes on measuring, and no quote is of the values that were read.
result<std::pair<attestation::signed_attest, attestation::pcr_values>>
quote_with_values(const object& iak, bytes_view qualifying_data, const attestation::pcr_selection& selection);

}  // namespace berth::keystore::tpm2
