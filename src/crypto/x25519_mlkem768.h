// The TLS group X25519MLKEM768 (0x11EC), draft-ietf-tls-ecdhe-mlkem.
//
// Client share = ML-KEM-768 encapsulation key (1184) || X25519 point (32); server share = ML-KEM ciphertext
// (1088)
// || X25519 point (32); secret = ML-KEM shared secret (32) || X25519 output (32).
#pragma once

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace berth::crypto {

constexpr uint16_t group_x25519mlkem768 = 0x11EC;
constexpr size_t x25519mlkem768_client_share_size = 1216;
constexpr size_t x25519mlkem768_server_share_size = 1120;
constexpr size_t x25519mlkem768_secret_size = 64;

// The client's half: an ephemeral key pair, for one handshake.
class x25519mlkem768_client {
public:
    // Draws 64 octets (ML-KEM seed d || z), then 32 octets (X25519 scalar).
    static x25519mlkem768_client generate(random_source& random);

    x25519mlkem768_client(x25519mlkem768_client&&) noexcept;
    x25519mlkem768_client& operator=(x25519mlkem768_client&&) noexcept;
    ~x25519mlkem768_client();

    bytes_view share() const noexcept;

    // Error bad_key_share: wrong length, or an all-zero X25519 output (RFC 8446 section 7.4.2).
    result<secret_bytes> finish(bytes_view server_share) const;

private:
    struct impl;
    explicit x25519mlkem768_client(std::unique_ptr<impl> i) noexcept;
    std::unique_ptr<impl> impl_;
};

struct x25519mlkem768_response {
    bytes share;
    secret_bytes secret;
};

// The server's half. Draws 32 octets (ML-KEM m), then 32 octets (X25519 scalar).
// Error bad_key_share: wrong length, failed FIPS 203 modulus check, or an all-zero X25519 output.
result<x25519mlkem768_response> x25519mlkem768_respond(bytes_view client_share, random_source& random);

}  // namespace berth::crypto
