// What the factory revokes: birth certificates, by lists of the CA that issued them.
#pragma once

#include "base/clock.h"
#include "base/secret.h"
#include "pki/certificate.h"
#include "pki/crl.h"

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>

namespace berth::app {

// Appends to the factory's issued.jsonl, a line for each CA, which certificates a device was given, and for which keys: a device
// whose bundle is out of reach is revoked by its serial, and no contract line gets a second device of its keys. Half a line of a
// process that failed or was killed, whose device was never made, is cut off. Errors of files; `unknown_issuer`.
result<void> note_issued(const std::filesystem::path& factory, const std::string& serial,
                         const std::vector<pki::certificate>& leaves);

// Whose the keys are that this factory has certified, and the TPMs, by issued.jsonl. A device revoked keeps its own. Several
// threads may use it.
class certified_keys {
public:
    explicit certified_keys(std::filesystem::path factory) : factory_(std::move(factory)) {}
    // Reads what was added since it last did: before that nothing is known. Errors of files; `damaged_file`.
    result<void> catch_up();
    // What is compared: SHA-256, hexadecimal, of a SubjectPublicKeyInfo or a TPM's endorsement certificate.
    static std::string hash_of(bytes_view octets);
    static std::vector<std::string> of(const std::vector<pki::certificate>& leaves);

    // Error `key_reused`: one of them is of another device than `serial`.
    [[nodiscard]] result<void> require_others_not(const std::string& serial, const std::vector<std::string>& keys) const;
    // Whether all of them are that device's.
    [[nodiscard]] bool has(const std::string& serial, const std::vector<std::string>& keys) const;

private:
    std::filesystem::path factory_;
    mutable std::mutex mutex_;
    std::map<std::string, std::string> owner_;
    uint64_t read_ = 0;  // octets
    size_t lines_ = 0;   // in them
};

// unspecified, key_compromise, ... Error `unknown_reason`.
result<pki::revocation_reason> revocation_reason_named(const std::string& name);

struct factory_revocation {
    size_t added = 0;
    size_t before = 0;  // revoked already, which stays as it is
    std::vector<std::string> issuers;
    std::set<std::string> serials;  // of the devices that were found; a MASA's certificate has none
};
// `what`: a serial in issued.jsonl, a bundle's directory, or a certificate's file. A serial comes before a file of that name,
// which is then named ./NAME. Writes into CA.revoked.json; berth's lists are made of it. Errors of files; `unknown_device`;
// `unknown_issuer`: not this factory's; `damaged_file`: a line of issued.jsonl cannot be read, and might have been this device's.
result<factory_revocation> factory_revoke(const std::filesystem::path& factory, const std::string& what,
                                          pki::revocation_reason reason, unix_seconds now);

// Why a device is to be given no certificate any more: one of `needed` is revoked, or another of the device's, `former` among
// them, for any reason but that a newer one took its place. Nothing: it may be given one. Errors of files.
result<std::optional<pki::revocation_reason>> factory_refuses(const std::filesystem::path& factory, const std::string& serial,
                                                              const std::vector<pki::certificate>& needed,
                                                              const std::optional<pki::certificate>& former = {});

struct factory_superseded {
    size_t added = 0;
    size_t before = 0;
    size_t elsewhere = 0;  // issued by another CA than the present ones, whose lists cannot tell
};
// Revokes, as superseded, what issued.jsonl tells of the device, and `former` if there is one: all but `kept`. Errors as
// factory_revoke; `unknown_issuer`: `former` is not this factory's.
result<factory_superseded> factory_supersede(const std::filesystem::path& factory, const std::string& serial,
                                             const std::vector<pki::certificate>& kept,
                                             const std::optional<pki::certificate>& former, unix_seconds now);

struct factory_list_order {
    std::string issuer = "idevid-ca";  // or idevid-ca-classical, z1
    std::filesystem::path out;
    int64_t days = 30;
    std::optional<secret_bytes> passphrase = {};
};
struct factory_list_made {
    pki::crl list;
    size_t recovered = 0;  // certificates that only the former list knew of
};
// The list over what was revoked, with a number that is higher than any before. Who is on the former list in its place and not in
// the factory's records, which came back from a backup, is written into them anew. Errors of files and keys.
result<factory_list_made> factory_list(const std::filesystem::path& factory, const factory_list_order& order, unix_seconds now);

}  // namespace berth::app
