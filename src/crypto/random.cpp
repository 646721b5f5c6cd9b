#include "crypto/random.h"

#include "crypto/crypto_openssl.h"

#include <openssl/rand.h>

namespace berth::crypto {

namespace {

class libcrypto_random final : public random_source {
public:
    void fill(std::span<uint8_t> out) override {
        if (!out.empty()) {
            must(RAND_priv_bytes_ex(lib_context(), out.data(), out.size(), 0), "drawing random octets");
        }
    }
};

}  // namespace

random_source& system_random() {
    static libcrypto_random source;
    return source;
}

}  // namespace berth::crypto
