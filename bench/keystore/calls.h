// What is measured: an operation as Berth's users ask for it, beside the bare call of whoever does it.
#pragma once

#include "base/bytes.h"

#include <functional>
#include <string>
#include <vector>

namespace berth::keystore::bench {

// One operation; whether it went well.
using call = std::function<bool()>;
// Makes what the call needs, outside of what is measured.
using maker = std::function<call()>;

struct comparison {
    std::string backend;
    std::string operation;
    maker berth;
    maker bare;
    // Whether others work for it: then time is what passes, else what the thread spends.
    bool elsewhere = false;
};

std::vector<comparison> software_calls();
std::vector<comparison> tpm2_calls();
std::vector<comparison> stsafe_calls();
std::vector<comparison> pkcs11_calls();
// TLS 1.3 handshakes; `bare` has its client's key in a file.
std::vector<comparison> handshakes();

inline constexpr size_t sealed_octets = 64;
inline constexpr size_t random_octets = 32;

// Berth's side of each comparison. `keys`: names of a P-256 signing key and of a mlkem768_p256 key.
struct key_names {
    std::string signing;
    std::string kem;
};
maker berth_signs(std::function<key_names()> keys);
maker berth_decapsulates(std::function<key_names()> keys);
maker berth_seals(std::function<key_names()> keys);
maker berth_unseals(std::function<key_names()> keys);
maker berth_draws(std::function<key_names()> keys);

// What of a hybrid's decapsulation no chip does: ML-KEM-768, and the combination with the chip's x-coordinate.
class outside_of_chip {
public:
    outside_of_chip();
    ~outside_of_chip();
    // What a peer sends for the chip's half: an uncompressed point of P-256.
    [[nodiscard]] const bytes& point() const;
    [[nodiscard]] bool finish(bytes_view x) const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace berth::keystore::bench
