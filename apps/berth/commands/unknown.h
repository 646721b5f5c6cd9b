// What is said to somebody who asks for a command or an option that is not there.
#pragma once

#include "base/result.h"

#include <CLI/App.hpp>

namespace berth::app {

// Of a command line that did not parse: the error, if it names a command that there is not (`unknown_command`), or
// none below a group of commands (`command_missing`), or an option that the command has not
// (`unknown_option`); else nothing.
std::optional<error> command_mistake(const CLI::App& cli, int argc, char** argv);

// The arguments for the parser, last first; `berth help COMMAND` is `berth COMMAND --help`.
std::vector<std::string> without_help_command(int argc, char** argv);

}  // namespace berth::app
