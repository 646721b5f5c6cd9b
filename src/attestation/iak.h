// The certificate of an attestation key (IAK): by it somebody who never spoke with the TPM knows whose quotes to believe.
#pragma once

#include "pki/profiles.h"

namespace berth::attestation {

// tcg-kp-AIKCertificate (TCG, Keys for Device Identity and Attestation, 8): "this key speaks for a TPM", and nothing else.
inline constexpr std::string_view oid_tcg_aik_certificate = "2.23.133.8.3";
// hwType of hardwareModuleName for a TPM 2.0; its hwSerialNum names the endorsement certificate.
inline constexpr std::string_view oid_hardware_type_tpm = "2.23.133.1.2";

// Of whoever has verified that the key is in the TPM of that hardware, and restricted. Named as the IDevIDs of its device are,
// and nobody's client: it has no id-kp-clientAuth.
pki::certificate_template iak_certificate_template(std::string_view organization, std::string_view serial,
                                                   pki::hardware_module hardware, pki::permanent_identifier endorsement,
                                                   pki::validity v);

// As the template above. Looks at the certificate alone, not at its chain. An IDevID is none, although its key is in a TPM too:
// it signs whatever it is given, forged quotes among that. Error bad_profile, as of pki/profiles.h.
result<void> check_iak_certificate(const pki::certificate& c);

}  // namespace berth::attestation
