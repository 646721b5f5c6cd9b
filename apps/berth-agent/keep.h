// berth-agent --renew-once, berth-agent accepted: the credentials that a device keeps, by hand.
#pragma once

#include "credentials/keeping_config.h"
#include "device/bundle.h"

#include <string>

namespace berth::app {

// What is due now, for each credential of BUNDLE/est.toml; the exit code.
// Of est.toml, for who stays. Errors of read_keeping_config; `bad_config`: what it says about recovery cannot be done by this
// device.
result<std::optional<keeping_config>> read_agents_config(const device_bundle& bundle);

int renew_once(const std::string& bundle, const std::string& passphrase_file);
// The command line after "accepted"; the exit code.
int tell_accepted(int argc, char** argv);

}  // namespace berth::app
