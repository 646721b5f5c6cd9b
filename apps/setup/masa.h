// The manufacturer's MASA: Z5 keys, store, configuration of berthd.
#pragma once

#include "setup/keys.h"
#include "store/sqlite/masa_store.h"

namespace berth::app {

struct masa_setup {
    std::filesystem::path factory;  // where z1.pem, z1.key and idevid-ca.pem lie
    std::string host;               // the dNSName of Z5
    std::string listen = "0.0.0.0:9443";
    std::string direct_listen;  // empty: no direct KK3
    std::string admin;          // empty: none
    std::optional<secret_bytes> factory_passphrase = {};
    std::filesystem::path passphrase_file = {};  // of the keys made here; berthd.toml names it
};

// DIR: z5.pem z5.key, z5-spare.pem z5-spare.key, masa-kem.pem (both public keys), store.key, audit.key audit.pub, masa.db,
// berthd.toml. "both Z5 keys are hybrid and belong in hardware, apart from each other".
result<void> masa_init(const std::filesystem::path& directory, const masa_setup& setup, const clock& time, random_source& random);

// The store of a MASA's directory. Error `file_not_found`: there is none.
result<std::unique_ptr<store::sqlite_masa_store>> open_masa_store(const std::filesystem::path& masa);
// The same for what changes nothing: neither the store nor its directory need be writable.
result<std::unique_ptr<store::sqlite_masa_store>> read_masa_store(const std::filesystem::path& masa);

}  // namespace berth::app
