// Whether to believe what a TPM says of itself. Each check that passed leaves a proof that only it can make.
#pragma once

#include "attestation/attest.h"
#include "attestation/public_area.h"
#include "pki/verify.h"

#include <map>

namespace berth::attestation {

// A key of whose signatures one knows that the TPM made what they are under: restricted, so that nobody can have it sign a
// forged attestation, and unable to leave its TPM. That it is in a genuine TPM at all, credential.h shows.
class attestation_key {
public:
    // Errors not_an_attestation_key (which attribute it lacks is said), tpm_unsupported, bad_public_key.
    static result<attestation_key> accept(const public_area& area);
    // The same by the word of a CA that has verified it (iak.h), instead of by what the TPM has shown here. area() then holds
    // what that word says and no more. Error bad_profile: the certificate says nothing of the kind.
    static result<attestation_key> vouched_for(const pki::verified_chain& chain);

    const public_area& area() const noexcept { return area_; }
    const crypto::verification_key& key() const noexcept { return key_; }

private:
    attestation_key(public_area area, crypto::verification_key key) : area_(std::move(area)), key_(std::move(key)) {}
    public_area area_;
    crypto::verification_key key_;
};

// An attestation with the signature under it, as octets from the device: TPMS_ATTEST and TPMT_SIGNATURE.
struct signed_attest {
    bytes octets;
    bytes signature;
};

// That a key is in the same TPM as the attestation key, was made there and cannot leave it.
class certified_key {
public:
    certified_key(certified_key&&) noexcept = default;
    certified_key& operator=(certified_key&&) noexcept = default;
    certified_key(const certified_key&) = delete;
    certified_key& operator=(const certified_key&) = delete;

    const public_area& area() const noexcept { return area_; }
    const clock_info& clock() const noexcept { return clock_; }

private:
    friend result<certified_key> verify_certify(const signed_attest&, const attestation_key&, bytes_view, const public_area&);
    certified_key(public_area area, clock_info clock) : area_(std::move(area)), clock_(clock) {}
    public_area area_;
    clock_info clock_;
};

// Errors tpm_structure_malformed, tpm_unsupported; attestation_wrong_kind: a quote; attestation_signature_invalid;
// attestation_stale: its qualifying data is not `qualifying_data`; attestation_other_key: it speaks of another public area than
// `claimed`; key_not_bound: the key could leave its TPM or came from outside.
result<certified_key> verify_certify(const signed_attest& what, const attestation_key& by, bytes_view qualifying_data,
                                     const public_area& claimed);

using pcr_values = std::map<uint8_t, bytes>;

// H(the values in ascending order of their registers); a quote makes it with the hash of its signature (Part 3, 18.4).
result<bytes> pcr_digest(tpm_alg hash, const pcr_selection& selection, const pcr_values& values);

// That registers had the values that a policy asks for when the qualifying data was fresh.
class verified_quote {
public:
    verified_quote(verified_quote&&) noexcept = default;
    verified_quote& operator=(verified_quote&&) noexcept = default;
    verified_quote(const verified_quote&) = delete;
    verified_quote& operator=(const verified_quote&) = delete;

    const pcr_values& values() const noexcept { return values_; }
    const clock_info& clock() const noexcept { return clock_; }
    uint64_t firmware_version() const noexcept { return firmware_version_; }

private:
    friend result<verified_quote> verify_quote(const signed_attest&, const attestation_key&, bytes_view, const pcr_selection&,
                                               const pcr_values&);
    verified_quote(pcr_values values, const attest& said)
        : values_(std::move(values)), clock_(said.clock), firmware_version_(said.firmware_version) {}
    pcr_values values_;
    clock_info clock_;
    uint64_t firmware_version_;
};

// Errors as verify_certify() without the last two, and: pcr_selection_mismatch: other registers were quoted; pcr_mismatch:
// their digest is not that of `expected`.
result<verified_quote> verify_quote(const signed_attest& what, const attestation_key& by, bytes_view qualifying_data,
                                    const pcr_selection& selection, const pcr_values& expected);

}  // namespace berth::attestation
