// device.toml.
#pragma once

#include "device/bundle.h"

namespace berth::app {

// Fills in what device.toml, named absolutely, says. Errors `bad_config`, `file_not_found`.
result<void> read_device_toml(const std::filesystem::path& file, device_bundle& out);
// The same of its text.
result<void> parse_device_toml(const std::string& text, const std::filesystem::path& file, device_bundle& out);

}  // namespace berth::app
