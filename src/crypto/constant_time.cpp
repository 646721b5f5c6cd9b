#include "crypto/constant_time.h"

#include <openssl/crypto.h>

namespace berth::crypto {

bool equal(bytes_view a, bytes_view b) noexcept {
    return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace berth::crypto
