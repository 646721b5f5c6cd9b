// Who may use a device's identities, as its owner writes it: identity.toml (docs/identity-service.md).
#pragma once

#include "identity/principal.h"

#include <filesystem>

namespace berth::app {

struct identity_config {
    std::filesystem::path socket;
    unsigned mode = 0666;  // who may connect; who is answered is another question
    std::vector<identity::principal> principals;
};

// Relative paths begin where the file is. Error `bad_config` with the line.
result<identity_config> read_identity_config(const std::filesystem::path& file);
result<identity_config> parse_identity_config(const std::string& text, const std::filesystem::path& file);

}  // namespace berth::app
