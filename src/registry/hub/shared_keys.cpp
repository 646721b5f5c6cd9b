#include "registry/hub/shared_keys.h"

#include "base/wipe.h"
#include "wire/base64.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::registry {

namespace {

constexpr size_t most_host_name = 253;

tl::unexpected<error> bad_key(std::string why) {
    return fail(error_category::usage, "bad_shared_key", std::move(why));
}

// Its first line, which is taken off.
std::string_view take_line(std::string_view& text) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view out = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (out.ends_with('\r')) {
        out.remove_suffix(1);
    }
    return out;
}

}  // namespace

secret_bytes draw_shared_key(random_source& random) {
    secret_bytes out(drawn_shared_key);
    random.fill(out.writable());
    return out;
}

shared_keys draw_shared_keys(random_source& random) {
    shared_keys out;
    out.primary = draw_shared_key(random);
    out.secondary = draw_shared_key(random);
    return out;
}

result<secret_bytes> shared_key_from_text(std::string_view text) {
    auto octets = wire::from_base64(text);
    if (!octets) {
        return bad_key("a shared key is given in base64");
    }
    secret_bytes out(*octets);
    wipe(*octets);
    if (out.size() < least_shared_key || out.size() > most_shared_key) {
        return bad_key(fmt::format("a shared key has {} to {} octets, in base64; this one has {}", least_shared_key,
                                   most_shared_key, out.size()));
    }
    return out;
}

result<shared_keys> shared_keys_from_text(std::string_view text, random_source& random) {
    shared_keys out;
    BERTH_TRY(primary, shared_key_from_text(take_line(text)));
    out.primary = std::move(primary);
    const std::string_view second = take_line(text);
    if (second.empty()) {
        out.secondary = draw_shared_key(random);
    } else {
        BERTH_TRY(secondary, shared_key_from_text(second));
        out.secondary = std::move(secondary);
    }
    if (text.find_first_not_of(" \t\r\n") != text.npos) {
        return bad_key("a file of shared keys has one line, or two: the primary one first");
    }
    return out;
}

result<std::string> host_name_from_text(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool upper = c >= 'A' && c <= 'Z';
        const bool may = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
        if (!may || text.size() > most_host_name) {
            return fail(error{error_category::usage,
                              "bad_host_name",
                              "the hub's host name has letters, digits, '-' and '.', and no port: as in devices' HostName=",
                              {}});
        }
        out += upper ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

result<void> check_has_key(const identity& who, const hub_settings& hub) {
    const char* const kind = who.name.is_module() ? "module" : "device";
    if (!hub.takes_key_of(who.name)) {
        return fail(
            error{error_category::usage,
                  "shared_keys_refused",
                  fmt::format("this hub lets no {0} in by a shared key: a certificate is better. berth hub set --{0}-sas on "
                              "changes that",
                              kind),
                  {{"name", who.name.text()}}});
    }
    if (who.settings.login.way != login_way::shared_key) {
        return fail(
            error{error_category::usage,
                  "login_not_by_key",
                  fmt::format("the {} \"{}\" does not log in by a shared key: berth hub device set --login sas changes that",
                              kind, who.name.text()),
                  {{"name", who.name.text()}}});
    }
    return {};
}

}  // namespace berth::registry
