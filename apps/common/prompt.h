// Secrets from who sits at the terminal.
#pragma once

#include "base/result.h"
#include "base/secret.h"

#include <functional>
#include <string>

namespace berth::app {

// One line from the terminal (/dev/tty, whatever standard input is), which does not show it. Errors `pin_required`: there is no
// terminal, or the line is empty.
result<secret_bytes> ask_pin(const std::string& token);

// The same for several keys and several attempts at one (of which kind it is, whether it is there): each token's PIN is asked for
// once in the life of the process, and whoever gave none is not asked again.
std::function<result<secret_bytes>(const std::string&)> ask_pin_once();

}  // namespace berth::app
