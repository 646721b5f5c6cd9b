// Internal to jose: the encryption of a content with its key (RFC 7518 section 5), and the key that two agree on (section 4.6).
#pragma once

#include "base/random.h"
#include "base/secret.h"
#include "jose/algorithms.h"

#include <string_view>

namespace berth::jose {

struct sealed_content {
    bytes iv, ciphertext, tag;
};

sealed_content seal_content(content_alg enc, bytes_view key, bytes_view aad, bytes_view plaintext, random_source& random);
// Error decryption_failed.
result<bytes> open_content(content_alg enc, bytes_view key, bytes_view aad, bytes_view iv, bytes_view ciphertext, bytes_view tag);

// RFC 7518 4.6.2, with SHA-256. `algorithm`: "enc" of the direct form, "alg" of the other.
secret_bytes concat_kdf(bytes_view agreed, std::string_view algorithm, bytes_view apu, bytes_view apv, size_t octets);

}  // namespace berth::jose
