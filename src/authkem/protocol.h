// The code points of AuthKEM profile 1 (docs/authkem-profile.md, section 1) and of RFC 8446 as far as they
// are used.
#pragma once

#include "base/bytes.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/kem.h"

#include <optional>
#include <string_view>

namespace berth::authkem {

enum class handshake_type : uint8_t {
    client_hello = 1,
    server_hello = 2,
    new_session_ticket = 4,
    end_of_early_data = 5,
    encrypted_extensions = 8,
    certificate = 11,
    certificate_request = 13,
    certificate_verify = 15,
    finished = 20,
    key_update = 24,
    kem_encapsulation = 30,
};

enum class cipher_suite : uint16_t {
    aes_128_gcm_sha256 = 0x1301,
    aes_256_gcm_sha384 = 0x1302,
    chacha20_poly1305_sha256 = 0x1303,
};

inline constexpr std::array all_cipher_suites{cipher_suite::aes_256_gcm_sha384, cipher_suite::aes_128_gcm_sha256,
                                              cipher_suite::chacha20_poly1305_sha256};

inline constexpr uint16_t tls13 = 0x0304;
inline constexpr uint16_t legacy_version = 0x0303;
inline constexpr uint8_t profile_version = 1;

// Profile 2: "`signature_algorithms_cert` = the CA signature algorithms (mldsa65 0x0905, mldsa87 0x0906,
// mldsa44 0x0904, ecdsa_secp256r1_sha256, ecdsa_secp384r1_sha384), always sent".
inline constexpr std::array<uint16_t, 5> ca_signature_algorithms{0x0905, 0x0906, 0x0904, 0x0403, 0x0503};

// The suite with this code point, if it is one of ours.
constexpr std::optional<cipher_suite> cipher_suite_from_code(uint16_t code) {
    for (const cipher_suite suite : all_cipher_suites) {
        if (static_cast<uint16_t>(suite) == code) {
            return suite;
        }
    }
    return std::nullopt;
}

constexpr crypto::hash_algorithm hash_of(cipher_suite suite) {
    return suite == cipher_suite::aes_256_gcm_sha384 ? crypto::hash_algorithm::sha384 : crypto::hash_algorithm::sha256;
}

constexpr crypto::aead_algorithm aead_of(cipher_suite suite) {
    switch (suite) {
    case cipher_suite::aes_128_gcm_sha256: return crypto::aead_algorithm::aes128gcm;
    case cipher_suite::aes_256_gcm_sha384: return crypto::aead_algorithm::aes256gcm;
    case cipher_suite::chacha20_poly1305_sha256: break;
    }
    return crypto::aead_algorithm::chacha20poly1305;
}

// "TLS_AES_256_GCM_SHA384"
std::string_view name_of(cipher_suite suite);
std::optional<cipher_suite> cipher_suite_from_name(std::string_view name);

// Profile 1: KEM authentication algorithms are SignatureScheme values, "0xFE00 + low byte of the HPKE
// kem_id".
using scheme = crypto::kem_algorithm;
constexpr uint16_t code_of(scheme s) {
    return static_cast<uint16_t>(0xFE00 + (static_cast<uint16_t>(s) & 0xff));
}
std::optional<scheme> scheme_from_code(uint16_t code);
std::optional<scheme> scheme_from_name(std::string_view name);

// "client_hello"; "unknown" for a value that is none of handshake_type.
std::string_view name_of(handshake_type type);

// Which way a completed handshake went.
enum class handshake_flow : uint8_t { full, pdk, pdk_refused };
std::string_view name_of(handshake_flow flow);

enum class role : uint8_t { client, server };

}  // namespace berth::authkem
