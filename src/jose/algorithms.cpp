#include "jose/algorithms.h"

#include "crypto/hpke_kems.h"

#include <algorithm>
#include <cstdlib>

namespace berth::jose {

namespace {

constexpr std::array<std::string_view, all_signature_algs.size()> signatures{"ES256",     "ES384",     "EdDSA",
                                                                             "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"};
constexpr std::array<std::string_view, all_key_algs.size()> keys{"dir",    "ECDH-ES", "ECDH-ES+A256KW", "HPKE-8",
                                                                 "HPKE-9", "HPKE-10", "HPKE-12",        "HPKE-13"};
constexpr std::array<std::string_view, all_content_algs.size()> contents{"A128GCM", "A256GCM", "A128CBC-HS256", "A256CBC-HS512"};

template <class Alg, size_t N>
std::optional<Alg> find(const std::array<std::string_view, N>& names, std::string_view name) {
    const auto* const found = std::ranges::find(names, name);
    return found == names.end() ? std::nullopt : std::optional(static_cast<Alg>(found - names.begin()));
}

}  // namespace

std::string_view name_of(signature_alg alg) noexcept {
    return signatures[static_cast<size_t>(alg)];
}
std::string_view name_of(key_alg alg) noexcept {
    return keys[static_cast<size_t>(alg)];
}
std::string_view name_of(content_alg alg) noexcept {
    return contents[static_cast<size_t>(alg)];
}

std::optional<signature_alg> signature_alg_from(std::string_view name) noexcept {
    return find<signature_alg>(signatures, name);
}
std::optional<key_alg> key_alg_from(std::string_view name) noexcept {
    return find<key_alg>(keys, name);
}
std::optional<content_alg> content_alg_from(std::string_view name) noexcept {
    return find<content_alg>(contents, name);
}

size_t key_size(content_alg alg) noexcept {
    switch (alg) {
    case content_alg::a128gcm: return 16;
    case content_alg::a256gcm:
    case content_alg::a128cbc_hs256: return 32;
    case content_alg::a256cbc_hs512: return 64;
    }
    std::abort();
}

uint16_t kem_id_of(key_alg alg) noexcept {
    switch (alg) {
    case key_alg::hpke_8: return static_cast<uint16_t>(crypto::kem_algorithm::mlkem768_p256);
    case key_alg::hpke_9: return crypto::x_wing_kem_id;
    case key_alg::hpke_10: return static_cast<uint16_t>(crypto::kem_algorithm::mlkem1024_p384);
    case key_alg::hpke_12: return static_cast<uint16_t>(crypto::kem_algorithm::mlkem768);
    case key_alg::hpke_13: return static_cast<uint16_t>(crypto::kem_algorithm::mlkem1024);
    case key_alg::dir:
    case key_alg::ecdh_es:
    case key_alg::ecdh_es_a256kw: break;
    }
    std::abort();  // asked of who has no KEM: our own mistake
}

std::optional<crypto::signature_algorithm> in_crypto(signature_alg alg) noexcept {
    using enum crypto::signature_algorithm;
    switch (alg) {
    case signature_alg::es256: return ecdsa_p256_sha256;
    case signature_alg::es384: return ecdsa_p384_sha384;
    case signature_alg::ml_dsa_44: return mldsa44;
    case signature_alg::ml_dsa_65: return mldsa65;
    case signature_alg::ml_dsa_87: return mldsa87;
    case signature_alg::eddsa: break;
    }
    return std::nullopt;
}

signature_alg from_crypto(crypto::signature_algorithm alg) noexcept {
    for (const auto one : all_signature_algs) {
        if (in_crypto(one) == alg) {
            return one;
        }
    }
    std::abort();
}

error algorithm_refused(std::string_view name) {
    std::string taken;
    const auto list = [&taken](const auto& names) {
        for (const std::string_view one : names) {
            taken += (taken.empty() ? "" : ", ") + std::string(one);
        }
    };
    list(signatures);
    list(keys);
    list(contents);
    return {error_category::incompatible,
            "algorithm_refused",
            "The algorithm \"" + std::string(name.substr(0, 40)) + "\" is not taken. Taken are " + taken + ".",
            {{"algorithm", std::string(name.substr(0, 40))}}};
}

}  // namespace berth::jose
