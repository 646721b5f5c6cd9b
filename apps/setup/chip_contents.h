// What is in a station's chip already: whose device it is, before keys in it are deleted or others made.
#pragma once

#include "pki/certificate.h"

#include <filesystem>

namespace berth::app {

struct chip_contents {
    std::vector<pki::certificate> certificates;  // of devices: an identity's, and whatever else the chip keeps that names one
    // How the public halves of the keys in the named places end: an identity's is whole, of a hybrid it is the curve's point.
    std::vector<bytes> keys;
};
// In a TPM or an STSAFE-A; nothing for names of other keys. Errors of the chip.
result<chip_contents> look_into_chip(const std::string& p3_uri, const std::string& p3_sig_uri);

// The unit below that has one of these keys, by its certificates or by its request; empty: none. What is being made
// (".NAME.making") is no unit yet. Errors of files.
result<std::string> unit_with_key(const std::filesystem::path& below, const std::vector<bytes>& keys);

// Deletes keys that a run which was killed has left in a chip, and no file beside them: the bundle that they were for is gone.
// Errors of the chip.
result<void> clear_keys(const std::vector<std::string>& uris);

}  // namespace berth::app
