// The directory that demo and quickstart fill: theirs alone.
#pragma once

#include "base/result.h"

#include <filesystem>

namespace berth::app {

// Makes the directory, or takes an empty one, and leaves a mark of `command` in it. Error `file_exists`: there is something in
// it; what to do depends on whether the same command made it. Errors of files.
result<void> take_directory(const std::filesystem::path& directory, const std::string& command);

}  // namespace berth::app
