// Octets that commands take and give: messages, signatures, secrets.
#pragma once

#include "base/secret.h"
#include "berth/commands/commands.h"

namespace berth::app {

// Of a file, or of standard input (no file, or "-"). Errors `file_not_found`, `file_error`, `file_too_large`.
result<secret_bytes> read_input(const std::string& file);

// Into a file that only its owner reads, or to standard output (no file, or "-"): as octets (on a terminal, what is no text in
// hexadecimal), and with --json as base64 under `name`. Error `file_error`.
result<void> write_output(const context& c, const std::string& file, const char* name, bytes_view octets);

}  // namespace berth::app
