// A CA with its records in a file, for benchmarks: its key, devices that ask it, and many that were revoked.
#pragma once

#include "ca/issuer.h"
#include "ca/ocsp_desk.h"
#include "store/sqlite/ca_store.h"

#include <filesystem>
#include <functional>

namespace berth::ca::bench {

struct algorithm {
    const char* name;
    crypto::signature_algorithm of;
    const char* openssl;  // what libcrypto calls it
};
inline constexpr std::array algorithms{algorithm{"p256", crypto::signature_algorithm::ecdsa_p256_sha256, "P-256"},
                                       algorithm{"p384", crypto::signature_algorithm::ecdsa_p384_sha384, "P-384"},
                                       algorithm{"mldsa65", crypto::signature_algorithm::mldsa65, "ML-DSA-65"},
                                       algorithm{"mldsa87", crypto::signature_algorithm::mldsa87, "ML-DSA-87"}};

// One signature of libcrypto over that many octets, with a key of its own; false: it failed.
std::function<bool(size_t octets)> bare_signature(const char* openssl_name);

class world {
public:
    explicit world(crypto::signature_algorithm alg);
    ~world();
    world(const world&) = delete;
    world& operator=(const world&) = delete;

    // A certificate by a profile, logged; `number` makes it another device's.
    pki::certificate issue(uint64_t number);
    // The same without records: what signing and encoding cost.
    pki::certificate sign(uint64_t number);
    [[nodiscard]] store::sqlite_ca_store& records() { return *records_; }
    [[nodiscard]] const ca::issuer& issuer() const { return *issuer_; }
    [[nodiscard]] ca::ocsp_desk desk() const;
    // That many random serial numbers, written past the log, as a CA has them that has revoked so many.
    void revoke_many(uint64_t count);

private:
    std::filesystem::path directory_;
    std::unique_ptr<store::sqlite_ca_store> records_;
    keystore::signing_key_ptr key_;
    std::unique_ptr<ca::issuer> issuer_;
    ca::profile profile_;
    std::vector<bytes> spkis_;  // devices have keys of their own, and none is judged twice in a row
};

}  // namespace berth::ca::bench
