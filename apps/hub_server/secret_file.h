// A secret that a hub shares with another program: what is in a file of its owner's alone, but for the end of its line.
#pragma once

#include "base/result.h"
#include "base/secret.h"

#include <filesystem>

namespace berth::app {

inline constexpr size_t least_secret = 16, most_secret = 1'024;

// Errors of pki::read_secret_file; `bad_secret` (usage): too short or too long.
result<secret_bytes> read_secret(const std::filesystem::path& file);

}  // namespace berth::app
