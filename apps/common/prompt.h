// Secrets from who sits at the terminal.
#pragma once

#include "base/result.h"
#include "base/secret.h"

#include <string>

namespace berth::app {

// One line from the terminal (/dev/tty, whatever standard input is), which does not show it. Errors `pin_required`: there is no
// terminal, or the line is empty.
result<secret_bytes> ask_pin(const std::string& token);

}  // namespace berth::app
