// What an order of a device must not say, found before anything is made of it.
#pragma once

#include "setup/factory.h"

namespace berth::app {

// Error `operation_unsupported`: platform registers are to be quoted, or the ML-KEM half is to be sealed to them, and no chip of
// the device keeps any.
result<void> check_measuring(const device_order& order);

// The device's own two keys, as a station or the device names them: each where such a key can be, both in one chip, at two places
// of it. Errors `bad_order`, `bad_key_uri`, `unknown_layout`.
result<void> check_identity_places(const std::string& p3_uri, const std::string& p3_sig_uri);

// These, and the places of its credentials' keys: none where another key of the device is. Errors as above.
result<void> check_key_places(const device_order& order);

// That the device could read its own device.toml. Errors `bad_config`, those of device_toml.
result<void> check_device_toml(const device_order& order);

}  // namespace berth::app
