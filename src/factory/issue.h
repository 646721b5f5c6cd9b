// Birth certificates for units whose keys were shown to be where they say.
#pragma once

#include "factory/messages/unit_grant.h"
#include "factory/residency.h"
#include "pki/profiles.h"

namespace berth::factory {

// An issuing CA: its chain (itself first, root omitted) and its key.
struct issuer_view {
    std::span<const pki::certificate> chain;
    const crypto::signing_key& key;
};

struct issue_settings {
    std::string maker;
    std::string hardware_type;  // OID; for keys that no TPM holds
    pki::validity validity;
};

// IDevID-signature from `identity`, IDevID-KEM from `kem`; the first fits an NV index only if its issuer's key is a classical
// one. Of a TPM it says (TCG Keys for Device Identity and Attestation, 8): that residency and fixedTPM were verified,
// permanentIdentifier = SHA-256 of the endorsement certificate in hexadecimal, hwSerialNum = the key identifier of its issuer
// and its serial number, hexadecimal, a colon between them. Of the KEM key it says nothing of the kind: its ML-KEM half is
// in no TPM. A TPM's attestation key gets one by the same issuer as its identity (attestation/iak.h), with which quotes can be
// believed by those who never spoke with the TPM. Errors those of pki::issue.
result<unit_grant> issue_identity(const resident_unit& unit, const issuer_view& identity, const issuer_view& kem,
                                  const issue_settings& settings, random_source& random);

// The KEM key's alone, and the attestation key's; this is empty where there is none.
result<chain_field> issue_kem(const resident_unit& unit, const issuer_view& kem, const issue_settings& settings,
                              random_source& random);
result<std::vector<der_field>> issue_attestation(const resident_unit& unit, const issuer_view& by, const issue_settings& settings,
                                                 random_source& random);

}  // namespace berth::factory
