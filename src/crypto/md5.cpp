#include "crypto/md5.h"

#include "crypto/crypto_openssl.h"

#include <openssl/evp.h>

namespace berth::crypto {

std::optional<std::array<uint8_t, 16>> md5(bytes_view data) {
    static EVP_MD* const algorithm = EVP_MD_fetch(lib_context(), "MD5", default_only);
    std::array<uint8_t, 16> out{};
    if (algorithm == nullptr || EVP_Digest(data.data(), data.size(), out.data(), nullptr, algorithm, nullptr) != 1) {
        return std::nullopt;
    }
    return out;
}

}  // namespace berth::crypto
