// Messages of docs/factory.md, each in a file of its own: PEM, whose label says which it is.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <filesystem>
#include <initializer_list>

namespace berth::app {

struct message_file {
    std::string label;  // "BERTH RECOVERY REQUEST"
    bytes octets;
};

// Nothing is overwritten but the very same. Errors `file_exists`, those of files.
result<void> write_message(const std::filesystem::path& file, const message_file& message, unsigned mode = 0644);
// Errors of files; `bad_message`: none of `awaited`, or not one message.
result<message_file> read_message(const std::filesystem::path& file, std::initializer_list<std::string_view> awaited);

}  // namespace berth::app
