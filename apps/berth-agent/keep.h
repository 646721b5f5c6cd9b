// berth-agent --renew-once, berth-agent accepted: the credentials that a device keeps, by hand.
#pragma once

#include <string>

namespace berth::app {

// What is due now, for each credential of BUNDLE/est.toml; the exit code.
int renew_once(const std::string& bundle, const std::string& passphrase_file);
// The command line after "accepted"; the exit code.
int tell_accepted(int argc, char** argv);

}  // namespace berth::app
