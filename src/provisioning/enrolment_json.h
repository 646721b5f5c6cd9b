// Enrolments as the service API tells and takes them: the JSON of the service whose SDKs work against us unchanged, and one
// member of ours, "berth": {"group"}.
#pragma once

#include "registry/provisioning/provisioning_registry.h"
#include "wire/json.h"

namespace berth::provisioning {

wire::json::object to_json(const registry::enrolment& e);
// registrationState.
wire::json::object to_json(const registry::registration& r);

// What a request asks for. What only the service writes is read and not kept; an unknown member is refused. What is not given has
// its default. A group's signing certificate must be one of the registered `cas`: its name is kept.
// Errors: `bad_enrolment`, param "member"; those of registry::check_enrolment; `unknown_ca`; `shared_keys_refused`;
// `unsupported` (IoT Edge, desired properties).
result<registry::enrolment_settings> settings_from_json(const wire::json::object& body, registry::enrolment_kind kind,
                                                        std::string_view id, const std::vector<registry::registered_ca>& cas);
// {"endorsementKey", "storageRootKey"}: base64 of TPM2B_PUBLIC.
wire::json::object tpm_json(const registry::attestation_rule& rule);

}  // namespace berth::provisioning
