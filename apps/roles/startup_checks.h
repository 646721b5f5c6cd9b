// What berthd's files must be, found at start and named, instead of at the first device.
#pragma once

#include "base/clock.h"
#include "pki/certificate.h"
#include "roles/config.h"

namespace berth::app {

// Z5's certificates are a MASA's, device_roots are roots. Errors of files, `bad_profile`; each names the file.
result<void> check_masa_files(const masa_config& config);

// Z4 is a registrar's certificate; Z2 is a root, and Z4 and the CA chain to it: devices will ask for that. The makers' Z1 are
// roots. Errors of files, `bad_profile`, those of pki::verify_chain; each names the file.
result<void> check_registrar_files(const registrar_config& config, const ca_config& ca, unix_seconds now);

// The certificate is a TLS server's and names the host; makers are CAs. Errors of files, `bad_profile`; each names the file.
result<void> check_element_files(const element_config& config);

// A root, and in its time: `bad_profile`, `certificate_expired`, `certificate_not_yet_valid`, errors of files; each names the
// file. Start does not ask for the time: a maker whose root has expired must not take the other makers' devices with it.
result<void> check_root_file(const std::filesystem::path& file, unix_seconds now);

// The root and, leaf first, an issuing CA below it. Errors as check_registrar_files.
result<void> check_authority_files(const std::filesystem::path& root, const std::filesystem::path& issuer, unix_seconds now);

// A maker's root that is the customer's own vouches for nobody's devices. Errors of files, `bad_maker_root`.
result<void> require_not_own(const pki::certificate& own, const std::filesystem::path& maker_root, const std::string& option);

// All that start would find in files, and what it leaves to time: that roots, Z5 and revocation lists have not expired. Nothing
// is bound, made or changed. Errors as above and those of keys and chains; each names the file.
result<void> check_files(const daemon_config& config, unix_seconds now);

}  // namespace berth::app
