// Whether a device started as its owner wants it to: the registrar's policy over platform registers, and the judge of quotes.
// No I/O.
#pragma once

#include "base/clock.h"
#include "onboarding/identity.h"
#include "onboarding/messages/common.h"
#include "pki/verify.h"

#include <map>
#include <string>
#include <vector>

namespace berth::onboarding {

// For devices of one model, or of any: registers, each with the values that it may have.
struct integrity_rule {
    std::string model;  // empty: whatever the model
    std::map<uint8_t, std::vector<hash_field>> registers;
};

// Of several rules for the same model (or for any) one has to be met. One for the device's model and one for any have to be met
// both: since a device's model is what it says itself, only what is asked of any model is asked of those who lie about theirs.
struct integrity_policy {
    std::vector<integrity_rule> rules;
    // By SHA-256 of the key of Z1: that root alone, its CAs and their revocation lists.
    std::map<hash_field, pki::trust_store> makers;
    pki::crl_policy lists = pki::crl_policy::if_present;

    [[nodiscard]] bool demands(std::string_view model) const;
};

// Who has sent a quote, as its KK2 shows.
struct quoting_device {
    const device_identity& identity;
    const pki::certificate& z3;
    std::string_view model;
};

// What is wrong with what `credential_requests` holds (empty: nothing was sent), for a policy that demands(): error
// attestation_refused, whose param "cause" says what was found:
//   quote_missing                 there is none
//   quote_malformed               it is not laid out as docs/onboarding.md says
//   those of pki::verify_chain    the IAK's certificate does not lead to the device's own maker, or was revoked
//   bad_profile                   it is no IAK's
//   quote_other_device            it is that of another device, or of another TPM, than Z3
//   attestation_signature_invalid, attestation_stale (other qualifying data), attestation_wrong_kind, tpm_structure_malformed,
//   tpm_unsupported, pcr_selection_mismatch     as attestation::verify_quote
//   quote_values_mismatch         the values that came along are not those that were quoted
//   pcr_value_missing             a register of the policy was not quoted
//   pcr_mismatch                  a register has a value that the policy does not allow; "registers" says which, "quoted" what
//   they
//                                 hold, as it would stand in the policy
result<void> judge_quote(const integrity_policy& policy, const quoting_device& device, bytes_view quote,
                         bytes_view qualifying_data, unix_seconds now);

}  // namespace berth::onboarding
