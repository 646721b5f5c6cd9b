// Private keys and other secrets in files.
//
// A key file is PEM PKCS#8 ("PRIVATE KEY", or "ENCRYPTED PRIVATE KEY" with a passphrase: PBES2,
// PBKDF2-HMAC-SHA-256 with 600 000 iterations, AES-256-CBC), mode 0600, always.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/kem.h"
#include "crypto/sign.h"

#include <optional>
#include <string>
#include <variant>

namespace berth::pki {

using any_private_key = std::variant<crypto::kem_private_key, crypto::signing_key>;

// The PEM form. Errors key_has_no_seed, key_not_exportable.
result<secret_bytes> private_key_to_pem(const any_private_key& key, const std::optional<secret_bytes>& passphrase = {});

// Errors bad_pem, bad_private_key, unsupported_key_algorithm, passphrase_required, wrong_passphrase.
result<any_private_key> private_key_from_pem(bytes_view pem, const std::optional<secret_bytes>& passphrase = {});

// Error file_error, besides those above. The file appears complete or not at all, mode 0600, and is on disk
// on return.
result<void> save_private_key(const std::string& path, const any_private_key& key,
                              const std::optional<secret_bytes>& passphrase = {});

// Errors file_not_found, file_error, unsafe_permissions (readable by group or others, or not owned by this
// user or root), besides those of private_key_from_pem.
result<any_private_key> load_private_key(const std::string& path, const std::optional<secret_bytes>& passphrase = {});

// As load_private_key; error wrong_key_kind when the file holds the other kind.
result<crypto::kem_private_key> load_kem_private_key(const std::string& path, const std::optional<secret_bytes>& passphrase = {});
result<crypto::signing_key> load_signing_key(const std::string& path, const std::optional<secret_bytes>& passphrase = {});

// Temporary file in the same directory, fsync, rename, fsync of the directory. Error file_error.
result<void> write_file_atomically(const std::string& path, bytes_view contents, unsigned mode);
// At most `limit` octets. Errors file_not_found, file_error, file_too_large.
result<bytes> read_file(const std::string& path, size_t limit);
// As read_file, for secrets; error unsafe_permissions as above.
result<secret_bytes> read_secret_file(const std::string& path, size_t limit);

}  // namespace berth::pki
