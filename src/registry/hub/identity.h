// A device or a module of a device as the hub's identity registry knows it (row B2): whether it may log in, and how.
//
// Names follow the registry that Azure device SDKs know: a deviceId is up to 128 characters, is compared octet by octet, and a
// module is named below its device. What the characters '#', '+' and '/' mean in MQTT topics keeps them out of names.
#pragma once

#include "base/clock.h"
#include "base/result.h"

#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace berth::registry {

inline constexpr size_t most_identity_name = 128;
inline constexpr size_t most_status_reason = 128;
inline constexpr size_t most_group_name = 64;
inline constexpr size_t most_tags = 8 * 1024;  // octets of JSON

struct identity_name {
    std::string device;
    std::string module;  // empty: the device itself

    [[nodiscard]] bool is_module() const { return !module.empty(); }
    // "dev1", "dev1/mod1": as in a certificate's common name and an MQTT client id.
    [[nodiscard]] std::string text() const { return is_module() ? device + "/" + module : device; }
    friend auto operator<=>(const identity_name&, const identity_name&) = default;
};

// One device's or module's own part of a name: 1 to 128 ASCII letters, digits and - . % _ * ? ! ( ) , : = @ $ ', not "$" first
// (such names are the hub's own). Error `bad_identity_name` (usage), params "name", "what".
result<void> check_name_part(std::string_view what, std::string_view part);
// "DEVICE" or "DEVICE/MODULE". Error `bad_identity_name`.
result<identity_name> parse_identity_name(std::string_view text);

// How it shows that it is who it says.
enum class login_way : uint8_t {
    certificate_authority,  // a chain up to a registered CA, whose leaf bears its name
    thumbprint,             // one of two certificates, whatever stands in them
    shared_key,             // SAS tokens: refused unless the hub is told to take them (shared_keys.h)
    none,                   // it may not log in
};
// As in the JSON of the registry: "certificateAuthority", "selfSigned", "sas", "none".
std::string_view to_string(login_way w);
std::optional<login_way> login_way_from(std::string_view text);

using thumbprint = std::array<uint8_t, 32>;  // SHA-256 of a certificate's DER

struct login_rule {
    login_way way = login_way::certificate_authority;
    std::optional<thumbprint> primary, secondary;  // of login_way::thumbprint; one of them at least
    friend bool operator==(const login_rule&, const login_rule&) = default;
};

// What an operator sets.
struct identity_settings {
    bool enabled = true;
    std::string status_reason;  // up to 128 characters
    login_rule login;
    std::string group;  // whose policy says what it may do; empty: the default one's
    std::string tags;   // a JSON object, or empty
    friend bool operator==(const identity_settings&, const identity_settings&) = default;
};

struct identity {
    identity_name name;
    uint64_t generation = 0;  // drawn when it is made: tells it from one of the same name that was deleted
    uint64_t version = 0;     // one more with each change: its etag
    identity_settings settings;
    unix_seconds created = 0;
    unix_seconds status_changed = 0;
    unix_seconds last_activity = 0;  // 0: none yet
    uint32_t epoch = 0;              // certificates of an earlier one are refused (pki/epoch.h)
    unix_seconds epoch_raised = 0;   // and of those that have none, which were valid by then already; 0: it never was

    // Opaque to who asks; changes with each change, and is never that of another generation.
    [[nodiscard]] std::string etag() const;
    friend bool operator==(const identity&, const identity&) = default;
};

// Error `bad_identity` (usage), param "member": a reason, group or tags that are too long or none, a thumbprint rule without
// thumbprints, thumbprints of another rule.
result<void> check_settings(const identity_settings& settings);

// What `If-Match` asks for: an etag, quoted or not; "*": any that is there. Error `etag_mismatch` (peer): it has been changed
// since it was read.
result<void> check_etag(const identity& now, std::string_view if_match);

}  // namespace berth::registry
