#include "berth/commands/registers.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace berth::app {

namespace {

constexpr uint8_t last_register = 23;
// Those of a late launch are all ones until there was one (PC Client Platform TPM Profile, 4.6).
constexpr uint8_t first_of_late_launch = 17;
constexpr uint8_t last_of_late_launch = 22;

bool is_filled_with(bytes_view value, uint8_t octet) {
    return std::ranges::all_of(value, [octet](uint8_t each) { return each == octet; });
}

bool unmeasured(uint8_t number, bytes_view value) {
    const bool of_late_launch = number >= first_of_late_launch && number <= last_of_late_launch;
    return is_filled_with(value, 0) || (of_late_launch && is_filled_with(value, 0xff));
}

}  // namespace

CLI::Validator register_number() {
    return {[](const std::string& text) {
                unsigned number = 0;
                const char* const end = text.data() + text.size();
                const auto read = std::from_chars(text.data(), end, number);
                const bool good = read.ec == std::errc() && read.ptr == end && number <= last_register;
                return good ? std::string()
                            : fmt::format("\"{}\" is no platform register: they are 0 to {}, several as 0,2,7", text,
                                          last_register);
            },
            ""};
}

std::string register_list(const std::vector<uint8_t>& registers) {
    return fmt::format("{}", fmt::join(std::vector<unsigned>(registers.begin(), registers.end()), ","));
}

void warn_of_unmeasured(const attestation::pcr_values& values) {
    std::vector<unsigned> none;
    for (const auto& [number, value] : values) {
        if (unmeasured(number, value)) {
            none.push_back(number);
        }
    }
    if (!none.empty()) {
        fmt::print(stderr,
                   "berth: nothing was measured into platform register{} {}: a policy of {} says nothing, since it fits every "
                   "machine whose firmware measures nothing\n",
                   none.size() == 1 ? "" : "s", fmt::join(none, ", "), none.size() == 1 ? "its value" : "their values");
    }
}

}  // namespace berth::app
