// What berthd's files must be, found at start and named, instead of at the first device.
#pragma once

#include "base/clock.h"
#include "roles/config.h"

namespace berth::app {

// Z5's certificates are a MASA's, device_roots are roots. Errors of files, `bad_profile`; each names the file.
result<void> check_masa_files(const masa_config& config);

// Z4 is a registrar's certificate; Z2 is a root, and Z4 and the CA chain to it: devices will ask for that. The makers' Z1 are
// roots. Errors of files, `bad_profile`, those of pki::verify_chain; each names the file.
result<void> check_registrar_files(const registrar_config& config, const ca_config& ca, unix_seconds now);

}  // namespace berth::app
