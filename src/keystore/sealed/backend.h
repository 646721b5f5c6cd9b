// Keys of every algorithm in files that only a chip or a token opens:
//
//   sealed:FILE;by=NAME     NAME is a key in a TPM, a secure element or a PKCS#11 token; it stands last, and may hold ';'
//
// For what no chip computes by itself (ML-DSA, ML-KEM without an elliptic half). The file is worth nothing without who keeps
// NAME; while the key is open it is in this process's memory, as one out of a file is.
#pragma once

#include "keystore/backend.h"

namespace berth::keystore::sealed {

struct key_name {
    std::string file;
    std::string by;
};
// Error bad_key_uri.
result<key_name> parse_name(std::string_view rest);

// Errors beside those of whoever keeps `by`: those of reading a secret file; bad_sealed_key: it is no such file, or was changed;
// seal_invalid: sealed by another one.
const backend& sealed_backend();

}  // namespace berth::keystore::sealed
