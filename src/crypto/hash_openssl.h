// Internal: fetched hash algorithms, and HMAC without allocation.
#pragma once

#include "crypto/crypto_openssl.h"
#include "crypto/hash.h"

namespace berth::crypto {

// Fetched once, from libcrypto's default provider.
const EVP_MD* evp_md(hash_algorithm alg);

// One HMAC (RFC 2104) over the hash context of the thread, of which at most one use lives at a time per algorithm. Made of
// two plain hashes: libcrypto's own HMAC takes twice the time for the short inputs of a key schedule.
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
    static constexpr size_t max_block_size = 144;  // of SHA3-224, the largest there is

    void absorb_key(uint8_t pad);

    hash_algorithm alg_;
    EVP_MD_CTX* context_;
    std::array<uint8_t, max_block_size> key_{};  // padded with zeros
};

}  // namespace berth::crypto
