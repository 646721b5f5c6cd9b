// What a device's TPM says of how it started, for registrars that ask.
#pragma once

#include "device/bundle.h"

namespace berth::app {

// A platform_quote of the registers that device.toml names. Errors of the TPM; `key_mismatch`: z3-iak.pem is not the certificate
// of this TPM's attestation key; `operation_unsupported`: no chip of the device keeps registers.
result<bytes> make_quote(const device_bundle& bundle, bytes_view qualifying_data);

}  // namespace berth::app
