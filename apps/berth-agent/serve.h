// berth-agent serve: the identity service of this device.
#pragma once

namespace berth::app {

// The command line after "serve"; the exit code.
int serve_identities(int argc, char** argv);

}  // namespace berth::app
