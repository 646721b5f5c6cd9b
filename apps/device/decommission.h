// The end of a device's life with its owner: what is the owner's goes, what is the maker's stays.
#pragma once

#include "device/lifecycle.h"

namespace berth::app {

struct decommission_report {
    size_t files = 0;      // overwritten and removed
    size_t chip_keys = 0;  // deleted in chips
    bool resumed = false;  // an earlier attempt was brought to its end
};

// Records that it has begun, deletes the owner's keys in chips, overwrites and removes his files (pending/, installed/,
// credentials/, est-trust/, est.toml, the LDevID, and `secrets`), and records the end. After a kill at any moment, and after an
// error, it goes on where it was when it is called again. Errors `wrong_phase`; `decommissioned`: it was before; of files, those
// of keystore::remove_key.
result<decommission_report> decommission(const device_bundle& bundle, const std::string& reason,
                                         const std::vector<std::filesystem::path>& secrets, const clock& time);

}  // namespace berth::app
