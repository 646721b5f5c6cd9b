// ca.toml: what the CAs of a directory issue, and where they publish what became of it (docs/ca.md).
#pragma once

#include "ca/issuer.h"

#include <filesystem>
#include <map>

namespace berth::app {

struct placed_profile {
    ca::profile profile;
    std::string authority;  // the CA that issues by it
};

struct ca_configuration {
    std::map<std::string, ca::issuer_settings> authorities;  // by name; a CA that is not there has none of these settings
    std::vector<placed_profile> profiles;

    [[nodiscard]] ca::issuer_settings settings_of(const std::string& authority) const;
    // Error `unknown_profile`, with the names that there are.
    [[nodiscard]] result<placed_profile> find(const std::string& name) const;
};

// The text of a ca.toml. `file` is named in complaints, and what its relative paths begin in. Error `bad_config`, with the line.
result<ca_configuration> parse_ca_configuration(const std::string& text, const std::filesystem::path& file);
// DIR/ca.toml; where there is none, what the CAs of that directory would be given by default_ca_toml().
result<ca_configuration> read_ca_configuration(const std::filesystem::path& directory);

// Which CAs there are, and for whom: "z2", "ldevid-ca" and "ca", say.
std::string default_ca_toml(const std::string& organization, const std::vector<std::string>& authorities);

// Writes the default profiles of these CAs where ca.toml has none: behind what it says of [[authority]], if it is there. Tells
// whether it has. Errors of files, `bad_config`.
result<bool> give_profiles(const std::filesystem::path& directory, const std::string& organization,
                           const std::vector<std::string>& authorities);

// "8h", "30d", "5y", "90m", or "never". Nothing: none of these.
std::optional<unix_seconds> parse_lifetime(std::string_view text);

}  // namespace berth::app
