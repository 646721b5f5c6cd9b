#pragma once

#include "berth/commands/commands.h"

namespace berth::app {

// berth key approve, berth key admit.
void add_key_approval(CLI::App& group, context& c);

}  // namespace berth::app
