// Keys in PKCS#8 files: "file:p3.pem", and names without a scheme.
#pragma once

#include "keystore/backend.h"

namespace berth::keystore {

const backend& file_backend();

// Error key_exists: a file, whatever it is.
result<void> nothing_at(const std::string& path);

}  // namespace berth::keystore
