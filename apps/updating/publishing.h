// A repository as its maker keeps it: files that any web server serves. Whatever a list speaks of is there before the list is,
// and the list appears whole: at each moment, also of a crash, a device sees the one state or the other.
//
// DIR/list.json, DIR/roots/N.json, DIR/manifests/DIGEST.json, DIR/images/DIGEST
#pragma once

#include "base/clock.h"
#include "firmware/verify.h"

#include <filesystem>

namespace berth::app {

// What one call of `publish` adds.
struct publication {
    std::vector<std::filesystem::path> roots;                 // documents, in order
    std::vector<std::filesystem::path> packages;              // directories of `pack`: manifest.json, images/
    std::string ring;                                         // of the packages
    std::vector<std::pair<std::string, uint64_t>> withdrawn;  // class, seq: no longer listed
    std::vector<jose::signing_key> list_keys;
    unix_seconds life = 7 * 24 * 60 * 60;  // of the list, in seconds
};

struct published {
    uint64_t root = 0, list = 0;
    unix_seconds expires = 0;
    size_t releases = 0;
};

// Errors of verify.h for documents that are not signed as the root wants it; `not_newer` (usage): a class has the seq, or a
// higher one, already; `image_missing`: an image is not in the package, or another (the list stays as it was); `not_listed`:
// nothing of that class and seq to withdraw; `list_unsigned`: the keys are not those of the root's list role; `list_not_ours`:
// somebody else has put another list there; `no_root`. Nothing is placed where one of these is found.
result<published> publish(const std::filesystem::path& repository, const publication& what, unix_seconds now);

}  // namespace berth::app
