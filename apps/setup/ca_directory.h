// A directory with one or more CAs: NAME.pem (its chain, itself first) and NAME.key or NAME.uri of each, ca.toml, ca.db.
#pragma once

#include "setup/ca_profiles.h"
#include "setup/keys.h"
#include "store/sqlite/ca_store.h"

namespace berth::app {

class ca_directory {
public:
    // Makes ca.db where there is none unless `how` says otherwise. Errors `file_not_found`: there is no such directory; of
    // ca.toml and of the records.
    static result<ca_directory> open(const std::filesystem::path& path, std::optional<secret_bytes> passphrase,
                                     store::opening how = store::opening::or_make);

    // With its key. Error `unknown_authority`, with the names that there are; those of files and keys, ca::issuer::open().
    [[nodiscard]] result<ca::issuer> issuer(const std::string& name) const;
    [[nodiscard]] result<std::vector<pki::certificate>> chain(const std::string& name) const;
    // The only one whose certificates could be meant where none is named. Error `bad_arguments`: there are several.
    [[nodiscard]] result<std::string> only() const;
    // All that are no leaves, sorted; former generations ("z2.1") among them.
    [[nodiscard]] result<std::vector<std::string>> names() const;

    [[nodiscard]] store::sqlite_ca_store& records() const { return *records_; }
    [[nodiscard]] const ca_configuration& configuration() const { return configuration_; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] const std::optional<secret_bytes>& passphrase() const { return passphrase_; }

private:
    ca_directory(std::filesystem::path path, std::optional<secret_bytes> passphrase, ca_configuration configuration,
                 std::unique_ptr<store::sqlite_ca_store> records)
        : path_(std::move(path)),
          passphrase_(std::move(passphrase)),
          configuration_(std::move(configuration)),
          records_(std::move(records)) {}
    std::filesystem::path path_;
    std::optional<secret_bytes> passphrase_;
    ca_configuration configuration_;
    std::unique_ptr<store::sqlite_ca_store> records_;
};

// A certificate that came to be without ca::issuer: a root, a cross certificate, one that another program has issued. Error
// `serial_exists`.
result<void> log_certificate(ca::ca_records& records, const pki::certificate& made, const ca::key_hash& issuer,
                             const std::string& profile, const std::string& batch, unix_seconds now);

}  // namespace berth::app
