// Internal: fetched hash algorithms, and HMAC without allocation.
#pragma once

#include "crypto/crypto_openssl.h"
#include "crypto/hash.h"

namespace berth::crypto {

// Fetched once, from libcrypto's default provider.
const EVP_MD* evp_md(hash_algorithm alg);

// One HMAC key over a context that belongs to the thread: at most one lives at a time per thread and
// algorithm.
class hmac_run {
public:
    hmac_run(hash_algorithm alg, bytes_view key);
    hmac_run(const hmac_run&) = delete;
    hmac_run& operator=(const hmac_run&) = delete;
    ~hmac_run();

    void restart();  // the same key, another message
    void update(bytes_view data);
    void finish(uint8_t* out);  // hash_size(alg) octets

private:
    hash_algorithm alg_;
    EVP_MAC_CTX* context_;
};

}  // namespace berth::crypto
