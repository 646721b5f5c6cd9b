// The certificates of Berth's public key infrastructures (onboarding, table at the top): templates that make
// them, and checks that say what is wrong with one.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "pki/certificate.h"
#include "pki/issue.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::pki {

struct validity {
    unix_seconds not_before = 0;
    unix_seconds not_after = no_expiry;
};

// Z1 and Z2: self-signed, may sign certificates and CRLs.
certificate_template root_template(std::string_view organization, std::string_view common_name, validity v);

// An issuing CA below a root, pathlen 0: it may sign leaves and CRLs, not further CAs.
certificate_template issuing_ca_template(std::string_view organization, std::string_view common_name, validity v);

// Z3, IDevID-KEM: keyEncipherment, id-kp-clientAuth and never id-kp-serverAuth, subject serialNumber,
// hardwareModuleName where the hardware has one.
certificate_template idevid_kem_template(std::string_view organization, std::string_view serial,
                                         std::optional<hardware_module> hardware, validity v);

// IDevID-signature: digitalSignature, id-kp-clientAuth, the same subject as Z3.
certificate_template idevid_signature_template(std::string_view organization, std::string_view serial,
                                               std::optional<hardware_module> hardware, validity v);

// Z5, a MASA's KEM certificate: keyEncipherment, id-kp-serverAuth, dNSName.
certificate_template masa_kem_template(std::string_view organization, std::string_view host, validity v);

// Z4, a registrar's KEM certificate: keyEncipherment, id-kp-cmcRA, id-kp-clientAuth and id-kp-serverAuth,
// dNSNames.
certificate_template registrar_kem_template(std::string_view organization, std::string_view common_name,
                                            std::vector<std::string> hosts, validity v);

// A TLS server's signature certificate: digitalSignature, id-kp-serverAuth, dNSNames.
certificate_template server_template(std::string_view organization, std::vector<std::string> hosts, validity v);

// A TLS client's (person's or service's) signature certificate: digitalSignature, id-kp-clientAuth.
certificate_template client_template(std::string_view organization, std::string_view common_name, validity v);

enum class credential_kind : uint8_t { signature = 1, kem = 2 };

// Z6, a device's operational certificate: subject serialNumber = the device's serial, SAN URI naming its
// maker's root (device_identity_uri), id-kp-clientAuth; never id-kp-cmcRA, never id-kp-serverAuth.
certificate_template operational_template(std::string_view organization, std::string_view serial,
                                          const std::array<uint8_t, 32>& maker_root_spki_sha256, credential_kind kind,
                                          validity v);

// "urn:berth:maker:<64 hexadecimal digits>": the SHA-256 of the maker's root SubjectPublicKeyInfo.
std::string device_identity_uri(const std::array<uint8_t, 32>& maker_root_spki_sha256);

// What Z6 says of whose device it is. Error bad_device_identity: no such URI or several.
result<std::array<uint8_t, 32>> maker_root_of(const certificate& operational);

// Each check looks at the certificate alone, not at its chain. Error bad_profile, param "profile" and a
// sentence with the rule that is broken.
result<void> check_root(const certificate& c);        // CA, self-issued and self-signed, keyCertSign and cRLSign
result<void> check_issuing_ca(const certificate& c);  // CA, not self-issued, keyCertSign
result<void> check_idevid_kem(const certificate& c);  // as the template above
result<void> check_idevid_signature(const certificate& c);
result<void> check_masa_kem(const certificate& c);
result<void> check_registrar_kem(const certificate& c);
result<void> check_operational(const certificate& c, credential_kind kind);

// The rules that a peer's leaf must meet on a channel (onboarding section 1), after verify_chain().
// Error bad_extended_key_usage, with params "required" or "forbidden".
result<void> require_registrar(const certificate& leaf);  // id-kp-cmcRA
result<void> require_masa(const certificate& leaf);       // id-kp-serverAuth
result<void> require_device(const certificate& leaf);     // id-kp-clientAuth, not id-kp-serverAuth

}  // namespace berth::pki
