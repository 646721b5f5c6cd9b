// Names of keys, as they stand in p3.uri, in berthd's configuration and on command lines.
//
//   file:p3.pem                  PKCS#8 PEM; a relative path is relative to the naming file's directory
//   tpm2:0x81020000              persistent handle of a TPM 2.0; for KEM keys ;seed=FILE names the sealed half of the key,
//                                ;tcti=NAME the TPM (default: BERTH_TPM2_TCTI, else device:/dev/tpmrm0)
//   stsafe:slot=1                slot of an STSAFE-A (stsafe/uri.h has the rest of it)
//   pkcs11:token=...;object=...  RFC 7512 (pkcs11/uri.h has what of it)
//   sealed:key.sealed;by=NAME    a file that only whoever keeps the key NAME opens (sealed/backend.h)
#pragma once

#include "base/result.h"
#include "base/secret.h"
#include "keystore/key.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace berth::keystore {

enum class key_store_kind : uint8_t { file, tpm2, stsafe, pkcs11, sealed };

struct key_uri {
    key_store_kind kind = key_store_kind::file;
    std::string rest;  // what follows the scheme and colon
    std::string text() const;
};

// Error bad_key_uri. A text without a scheme is a file's path.
result<key_uri> parse_key_uri(std::string_view text);

struct open_options {
    std::string base_directory;              // for relative paths; empty: the working directory
    std::optional<secret_bytes> passphrase;  // of a file; the PIN of a token whose name has no pin-source
    // Asks somebody for the PIN of the token that is named, if there is none; empty: nobody is there.
    std::function<result<secret_bytes>(const std::string&)> ask_pin = {};

    // A file that a name speaks of.
    [[nodiscard]] std::string path(const std::string& named) const {
        return base_directory.empty() || named.starts_with('/') ? named : base_directory + "/" + named;
    }
};

// Errors bad_key_uri; key_not_found; those of pki::load_private_key, and of the chip or token that keeps the key.
result<kem_key_ptr> open_kem_key(std::string_view uri, const open_options& options = {});
result<signing_key_ptr> open_signing_key(std::string_view uri, const open_options& options = {});

}  // namespace berth::keystore
