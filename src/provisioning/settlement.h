// What is written when a hub was chosen for a device: its identity there, an operational certificate if it asked for one, and the
// record of it; all of it or nothing.
#pragma once

#include "provisioning/match.h"
#include "provisioning/operational.h"
#include "registry/hub/twin.h"

namespace berth::provisioning {

// What a webhook says of a twin's beginning, instead of the enrolment: JSON objects.
struct initial_twin {
    std::optional<std::string> tags, desired;
};

struct settlement_order {
    const caller& from;
    const matched& who;
    const std::optional<registry::registration>& before;
    registry::linked_hub hub;
    initial_twin twin;
    std::string payload;  // for the device
    const std::optional<pki::verified_csr>& csr;
    std::string operation;
};

struct settled {
    registry::registration record;
    std::vector<pki::certificate> issued;
    std::string authentication_key;  // for a TPM: base64, of the key that it shares with the hub
};

// Errors (peer): `identity_disabled`; `registered_otherwise`: the identity of that name is another's, or another device has
// registered under this id; `certificates_ended`: those of its epoch were; `identity_deleted`: an operator did that, and the
// enrolment makes no other. `no_issuer` (incompatible); those of certificate_issuer, param "issuing"; those of the store.
// Without `twins` desired properties are passed over.
result<settled> settle(const settlement_order& order, registry::hub_registry& hub, registry::provisioning_registry& records,
                       registry::twin_registry* twins, certificate_issuer* issuer, random_source& random, unix_seconds now);

}  // namespace berth::provisioning
