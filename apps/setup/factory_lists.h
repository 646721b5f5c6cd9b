// What the factory revokes: birth certificates, by lists of the CA that issued them.
#pragma once

#include "base/clock.h"
#include "base/secret.h"
#include "pki/certificate.h"
#include "pki/crl.h"

#include <filesystem>
#include <optional>

namespace berth::app {

// Appends to the factory's issued.jsonl which certificates a device was given: a device whose bundle is out of reach is revoked
// by its serial. Error `file_error`.
result<void> note_issued(const std::filesystem::path& factory, const std::string& serial,
                         const std::vector<pki::certificate>& leaves);

// unspecified, key_compromise, ... Error `unknown_reason`.
result<pki::revocation_reason> revocation_reason_named(const std::string& name);

struct factory_revocation {
    size_t added = 0;
    size_t before = 0;  // revoked already, which stays as it is
    std::vector<std::string> issuers;
};
// `what`: a bundle's directory, a certificate's file, or a serial. Writes into CA.revoked.json; berth's lists are made of it.
// Errors of files; `unknown_device`; `unknown_issuer`: not this factory's.
result<factory_revocation> factory_revoke(const std::filesystem::path& factory, const std::string& what,
                                          pki::revocation_reason reason, unix_seconds now);

struct factory_list_order {
    std::string issuer = "idevid-ca";  // or z1
    std::filesystem::path out;
    int64_t days = 30;
    std::optional<secret_bytes> passphrase = {};
};
// The list over what was revoked, with a number that is higher than any before. Errors of files and keys.
result<pki::crl> factory_list(const std::filesystem::path& factory, const factory_list_order& order, unix_seconds now);

}  // namespace berth::app
