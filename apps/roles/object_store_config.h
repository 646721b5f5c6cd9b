// [hub.files.s3] of berthd.toml: a store that speaks S3, where files of devices are kept.
#pragma once

#include "base/result.h"

#include <filesystem>
#include <string>
#include <vector>

namespace berth::app {

class table_reader;

struct object_store_config {
    std::string endpoint;  // its URL: scheme, host and port
    std::string bucket, region, prefix;
    std::string access_key_id;
    std::filesystem::path secret_file;           // the key's secret half
    std::vector<std::filesystem::path> anchors;  // CAs that vouch for it; none: the system's

    friend bool operator==(const object_store_config&, const object_store_config&) = default;
};

result<object_store_config> read_object_store(table_reader t);

}  // namespace berth::app
