// A chain and its key, as the configuration names them.
#pragma once

#include "authkem/config.h"
#include "base/secret.h"
#include "roles/config.h"

namespace berth::app {

// Errors of files and keys (wrong_passphrase, passphrase_required);
// `credential_key_mismatch`, naming both files. Without a chain there is nothing to compare.
result<authkem::credential> open_credential(const key_and_chain& from);

// The MASA's store key, 32 octets in a file that others may not read. Errors of pki::read_secret_file, `bad_store_key`.
result<secret_bytes> read_store_key(const std::filesystem::path& file);
// What a store keeps of its key, to know it again; tells nothing of it.
std::array<uint8_t, 32> check_value_of(const secret_bytes& store_key);

}  // namespace berth::app
