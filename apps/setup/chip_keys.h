// Keys that a chip makes for a device that may yet not come to be.
#pragma once

#include "base/result.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace berth::app {

// Removes from their chips, at its end, the keys that it was told of, the last one first, unless they are kept.
class chip_keys {
public:
    explicit chip_keys(std::filesystem::path bundle) : bundle_(std::move(bundle)) {}
    chip_keys(const chip_keys&) = delete;
    chip_keys& operator=(const chip_keys&) = delete;
    ~chip_keys();

    // Before a key is made: its chip must not have it, or it would be two devices' identity. Error `key_exists`; those of the
    // chip.
    result<void> expect_none(const std::string& uri, bool kem) const;
    void made(const std::string& uri);
    // Of what has no name that removes it.
    void made(std::function<void()> removal) { removals_.push_back(std::move(removal)); }
    void keep() { removals_.clear(); }

private:
    std::filesystem::path bundle_;
    std::vector<std::function<void()>> removals_;
};

}  // namespace berth::app
