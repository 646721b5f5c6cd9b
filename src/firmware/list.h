// The list of a repository: what there is now. It is short-lived, so that who is shown an old one finds out, and names each
// manifest by its digest, so that documents of different times are not mixed.
#pragma once

#include "firmware/manifest.h"

namespace berth::firmware {

inline constexpr size_t most_releases = 4096;

struct release {
    std::string vendor, device_class;
    std::string ring;  // of devices that may have it; empty: all
    uint64_t seq = 1;
    std::string version;
    stored_octets manifest;  // manifests/DIGEST.json
};

struct list_content {
    std::string repository;
    uint64_t version = 1;
    uint64_t root = 1;  // version of the root that was the newest when this was made
    unix_seconds issued = 0, expires = 0;
    std::vector<release> releases;

    // The highest of a class that is for all, or for that ring. Null: there is none.
    [[nodiscard]] const release* newest(std::string_view vendor, std::string_view device_class, std::string_view ring) const;
};

wire::json::object to_json(const list_content& list);
// Errors bad_document: also two releases of one class, ring and seq; unsupported_schema, unknown_member.
result<list_content> read_list(const wire::json::object& payload);

}  // namespace berth::firmware
