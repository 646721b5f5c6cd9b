// Files that grow by whole lines: logs, and records of what was issued.
#pragma once

#include "base/result.h"

#include <filesystem>
#include <string_view>

namespace berth::app {

// Appends to `file`, which is open as `fd` and has `size` octets: all of `text`, on disk when it returns, or none of it. Error
// `file_error`.
result<void> append_durably(int fd, std::string_view text, uint64_t size, const std::filesystem::path& file);

}  // namespace berth::app
