// What Berth signs and encrypts JOSE messages with (RFC 7518, 8037, 9964; draft-ietf-jose-hpke-encrypt-21 and
// draft-ietf-jose-hpke-pq-pqt-01). Whatever is not here is refused by its name: no MAC stands for a signature, nothing is RSA,
// nothing is wrapped by a password, and "none" is no algorithm.
#pragma once

#include "base/result.h"
#include "crypto/sign.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace berth::jose {

enum class signature_alg : uint8_t { es256, es384, eddsa, ml_dsa_44, ml_dsa_65, ml_dsa_87 };

// How the key of a message comes to who opens it. The numbers of the HPKE suites have changed from draft to draft, so that a key
// of such an algorithm says which draft it is of (keys.h).
enum class key_alg : uint8_t {
    dir,             // both have it
    ecdh_es,         // agreed on with an ephemeral key (P-256, P-384, X25519)
    ecdh_es_a256kw,  // as above, and wraps
    hpke_8,          // MLKEM768-P256, SHAKE256, AES-256-GCM; integrated
    hpke_9,          // MLKEM768-X25519
    hpke_10,         // MLKEM1024-P384
    hpke_12,         // ML-KEM-768
    hpke_13,         // ML-KEM-1024
};

enum class content_alg : uint8_t { a128gcm, a256gcm, a128cbc_hs256, a256cbc_hs512 };

inline constexpr std::array all_signature_algs{signature_alg::es256,     signature_alg::es384,     signature_alg::eddsa,
                                               signature_alg::ml_dsa_44, signature_alg::ml_dsa_65, signature_alg::ml_dsa_87};
inline constexpr std::array all_key_algs{key_alg::dir,    key_alg::ecdh_es, key_alg::ecdh_es_a256kw, key_alg::hpke_8,
                                         key_alg::hpke_9, key_alg::hpke_10, key_alg::hpke_12,        key_alg::hpke_13};
inline constexpr std::array all_content_algs{content_alg::a128gcm, content_alg::a256gcm, content_alg::a128cbc_hs256,
                                             content_alg::a256cbc_hs512};

// As in the headers: "ML-DSA-65", "ECDH-ES+A256KW", "A256GCM".
std::string_view name_of(signature_alg alg) noexcept;
std::string_view name_of(key_alg alg) noexcept;
std::string_view name_of(content_alg alg) noexcept;
std::optional<signature_alg> signature_alg_from(std::string_view name) noexcept;
std::optional<key_alg> key_alg_from(std::string_view name) noexcept;
std::optional<content_alg> content_alg_from(std::string_view name) noexcept;

size_t key_size(content_alg alg) noexcept;  // octets
constexpr bool is_hpke(key_alg alg) noexcept {
    return alg >= key_alg::hpke_8;
}
constexpr bool is_gcm(content_alg alg) noexcept {
    return alg <= content_alg::a256gcm;
}
// Of the KEM in HPKE's registry.
uint16_t kem_id_of(key_alg alg) noexcept;

// The one that keys of ours with this algorithm sign with; nothing for EdDSA, whose keys are another kind.
std::optional<crypto::signature_algorithm> in_crypto(signature_alg alg) noexcept;
signature_alg from_crypto(crypto::signature_algorithm alg) noexcept;

// Error algorithm_refused (incompatible), which names what is taken.
error algorithm_refused(std::string_view name);

}  // namespace berth::jose
