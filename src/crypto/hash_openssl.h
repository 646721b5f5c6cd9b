// Internal: fetched hash algorithms, and HMAC without allocation.
#pragma once

#include "crypto/crypto_openssl.h"
#include "crypto/hash.h"

namespace berth::crypto {

// Fetched once, from libcrypto's default provider.
const EVP_MD* evp_md(hash_algorithm alg);

// One HMAC key (RFC 2104), over a hash context that belongs to the thread: at most one lives at a time per thread and
// algorithm. EVP_MAC would copy two contexts per message and keep the key in one that outlives it; this costs four
// compressions and keeps nothing.
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
    void start_with(uint8_t pad);

    hash_algorithm alg_;
    EVP_MD_CTX* context_;
    size_t block_size_;
    std::array<uint8_t, 144> key_{};  // padded with zeros to the block size of the hash, 144 at most
};

}  // namespace berth::crypto
