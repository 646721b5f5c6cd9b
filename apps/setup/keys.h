// Keys and certificates in a directory.
#pragma once

#include "base/random.h"
#include "base/secret.h"
#include "keystore/key.h"
#include "pki/certificate.h"
#include "pki/profiles.h"

#include <filesystem>
#include <optional>

namespace berth::app {

// A CA on disk: NAME.pem (its chain, itself first), and its key: where NAME.uri says if that was there beforehand (a token, a
// TPM), else NAME.key. The same holds for the leaves below.
struct authority {
    std::vector<pki::certificate> chain;
    keystore::signing_key_ptr key;
    [[nodiscard]] const pki::certificate& certificate() const { return chain.front(); }
};

// Wherever a passphrase is given, keys are written encrypted with it, and read with it.

// Names as on command lines: p256, p384, mldsa44, mldsa65, mldsa87. Error `unknown_algorithm`.
result<crypto::signature_algorithm> signature_algorithm_named(const std::string& name);
// mlkem768, mlkem1024, mlkem768_p256, mlkem1024_p384. Error `unknown_algorithm`.
result<crypto::kem_algorithm> kem_algorithm_named(const std::string& name);

// The key that a CA or leaf NAME of this directory is about to have. Error also `file_exists`: NAME.key is there.
result<keystore::signing_key_ptr> make_key_of(const std::filesystem::path& directory, const std::string& name,
                                              crypto::signature_algorithm algorithm, random_source& random,
                                              const std::optional<secret_bytes>& passphrase = {});
// The one that it has.
result<keystore::signing_key_ptr> open_key_of(const std::filesystem::path& directory, const std::string& name,
                                              const std::optional<secret_bytes>& passphrase = {});

// A self-signed root. Errors of files; `file_exists` when NAME.pem is there already: a root is never overwritten.
result<authority> make_root(const std::filesystem::path& directory, const std::string& name,
                            const pki::certificate_template& contents, crypto::signature_algorithm algorithm,
                            random_source& random, const std::optional<secret_bytes>& passphrase = {});
result<authority> make_issuer(const std::filesystem::path& directory, const std::string& name,
                              const pki::certificate_template& contents, const authority& parent,
                              crypto::signature_algorithm algorithm, random_source& random,
                              const std::optional<secret_bytes>& passphrase = {});
result<authority> open_authority(const std::filesystem::path& directory, const std::string& name,
                                 const std::optional<secret_bytes>& passphrase = {});

// A KEM key pair and its certificate: NAME.pem (leaf and what is between it and the root) and NAME.key.
result<crypto::kem_public_key> make_kem_leaf(const std::filesystem::path& directory, const std::string& name,
                                             const pki::certificate_template& contents, const authority& issuer,
                                             crypto::kem_algorithm algorithm, random_source& random,
                                             const std::optional<secret_bytes>& passphrase = {});
result<void> make_signature_leaf(const std::filesystem::path& directory, const std::string& name,
                                 const pki::certificate_template& contents, const authority& issuer,
                                 crypto::signature_algorithm algorithm, random_source& random,
                                 const std::optional<secret_bytes>& passphrase = {});

// A key as a configuration in its directory names it, or one elsewhere (keys below `directory` then by their whole path): what
// NAME.uri says, else the file. Error `file_error`.
result<std::string> key_name(const std::filesystem::path& directory, const std::string& name, bool elsewhere = false);

// The line of a TOML file that names a passphrase's file by its whole path; empty for none. Error `file_error`.
result<std::string> passphrase_line(const std::filesystem::path& file);

// Error `file_exists`, naming it.
result<void> refuse_existing(const std::filesystem::path& file);

inline constexpr unix_seconds one_year = 365 * 24 * 3600;

}  // namespace berth::app
