// Which enrolment is a caller's: an individual one first, then the group of the nearest CA above it, ... of the root. The first
// that there is decides; one that is disabled refuses.
#pragma once

#include "provisioning/caller.h"
#include "provisioning/tpm_desk.h"
#include "provisioning/trust.h"
#include "registry/provisioning/provisioning_registry.h"

namespace berth::provisioning {

struct matched {
    registry::enrolment enrolment;
    std::string registration_id;  // as the caller spells it
    std::string device_id;
    registry::login_rule login;  // of the identity that is made for it
    registry::thumbprint certificate{};
    std::vector<pki::certificate> vouched;  // that certificate, and those above it up to a registered CA; without one: it alone
    std::optional<tpm_claim> tpm = {};      // instead of a certificate
};

// Errors (peer), whose sentences are for logs and never for the peer: `no_certificate`, `bad_certificate`, `bad_key_usage`,
// `name_mismatch` (the common name is not the registration id), `not_enrolled`, `enrolment_disabled`, `other_certificate` (the
// individual enrolment is for another), `authority_not_in_force` (the group's CA is not verified, or no longer in force), those
// of enrolment_trust::issuers_of; `bad_registration_id` (usage).
result<matched> match_enrolment(registry::provisioning_registry& records, const enrolment_trust& trust, const caller& who,
                                std::string_view registration_id, unix_seconds now);
// Of a device that shows a TPM: an individual one alone. That it has it is to be shown.
result<matched> match_tpm(registry::provisioning_registry& records, const tpm_claim& claim, std::string_view registration_id);

}  // namespace berth::provisioning
