// What devices call the files that they upload. A file's whole name is DEVICE/NAME, and NAME may have levels of its own. It
// becomes a path below a directory of the hub's, so whatever could lead out of that is none.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace berth::hub {

inline constexpr size_t most_blob_name = 1'024;  // octets, the device's name and its slash included
inline constexpr size_t most_blob_level = 255;   // octets: what file systems take
inline constexpr size_t most_blob_levels = 32;   // the device's included

struct blob_name {
    std::string device, name;
    [[nodiscard]] std::string text() const { return device + "/" + name; }
    friend auto operator<=>(const blob_name&, const blob_name&) = default;
};

// Error `bad_blob_name` (usage), which says what is wrong: an empty level, "." or "..", too long or too many levels, control
// characters, a backslash. A device that is called "." or ".." has no files.
result<void> check_blob_name(const blob_name& of);
// "DEVICE/NAME", decoded. Error `bad_blob_name`.
result<blob_name> parse_blob_name(std::string_view text);

// What a container may be called: 3 to 63 lower-case letters, digits and hyphens, none of them first, last or beside another one;
// and no first level of the hub's other paths. Error `bad_container` (usage).
result<void> check_container(std::string_view name);

}  // namespace berth::hub
