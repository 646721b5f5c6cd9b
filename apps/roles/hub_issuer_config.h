// [hub.issuer] of berthd.toml: the CA behind operational certificates.
#pragma once

#include "base/clock.h"
#include "base/result.h"

#include <filesystem>

namespace berth::app {

class table_reader;

struct hub_issuer_config {
    std::filesystem::path directory;  // of CAs (docs/ca.md)
    std::filesystem::path directory_passphrase_file;
    std::string authority;                    // without a profile: which of its CAs; empty: the only one
    std::string profile;                      // of its ca.toml; empty: hub-device, which need not be there
    std::string proof = "idevid";             // what a certificate is that this CA has not issued: idevid or ldevid
    unix_seconds lifetime = 30 * 24 * 3'600;  // or sooner, by the profile
};

result<hub_issuer_config> read_hub_issuer(table_reader t);

}  // namespace berth::app
