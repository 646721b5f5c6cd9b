#include "hub/files/blob_name.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace berth::hub {

namespace {

tl::unexpected<error> bad_name(std::string why) {
    return fail(error_category::usage, "bad_blob_name", "The name of a file " + std::move(why) + ".");
}

bool is_control(char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet < 0x20 || octet == 0x7f;
}

}  // namespace

result<void> check_blob_name(const blob_name& of) {
    const std::string whole = of.text();
    if (of.device.find('/') != std::string::npos) {
        return bad_name("begins with a device's, which has no slash");
    }
    if (whole.size() > most_blob_name) {
        return bad_name(fmt::format("has up to {} octets, the device's with it", most_blob_name));
    }
    if (std::ranges::any_of(whole, is_control)) {
        return bad_name("has no control characters");
    }
    if (whole.find('\\') != std::string::npos) {
        return bad_name("has no backslash");
    }
    size_t levels = 0;
    for (size_t from = 0; from <= whole.size(); ++levels) {
        const size_t end = std::min(whole.find('/', from), whole.size());
        const std::string_view level = std::string_view(whole).substr(from, end - from);
        if (level.empty()) {
            return bad_name("has something between, before and behind its slashes");
        }
        if (level == "." || level == "..") {
            return bad_name("has no level \".\" or \"..\"");
        }
        if (level.size() > most_blob_level) {
            return bad_name(fmt::format("has up to {} octets between two slashes", most_blob_level));
        }
        from = end + 1;
    }
    if (levels > most_blob_levels) {
        return bad_name(fmt::format("has up to {} levels, the device's with them", most_blob_levels));
    }
    return {};
}

result<blob_name> parse_blob_name(std::string_view text) {
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos) {
        return bad_name("is DEVICE/NAME");
    }
    blob_name out{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
    BERTH_CHECK(check_blob_name(out));
    return out;
}

result<void> check_container(std::string_view name) {
    constexpr std::array taken{"devices",        "twins",         "statistics",  "jobs",   "messages",
                               "configurations", "registrations", "enrollments", "metrics"};
    const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    if (name.size() < 3 || name.size() > 63 || !std::ranges::all_of(name, good) || name.starts_with('-') || name.ends_with('-') ||
        name.find("--") != std::string_view::npos) {
        return fail(error_category::usage, "bad_container",
                    "a container's name has 3 to 63 lower-case letters, digits and single hyphens between them");
    }
    if (std::ranges::find(taken, name) != taken.end()) {
        return fail(error_category::usage, "bad_container", fmt::format("\"{}\" is another path of the hub's", name));
    }
    return {};
}

}  // namespace berth::hub
