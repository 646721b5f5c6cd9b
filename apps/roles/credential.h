// A chain and its key, as the configuration names them.
#pragma once

#include "authkem/config.h"
#include "roles/config.h"

namespace berth::app {

// Relative key URIs are relative to `base`. Errors of files and keys (wrong_passphrase, passphrase_required);
// `credential_key_mismatch`, naming both files. Without a chain there is nothing to compare.
result<authkem::credential> open_credential(const key_and_chain& from, const std::filesystem::path& base);

}  // namespace berth::app
