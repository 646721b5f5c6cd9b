#include "crypto/cbc_hmac.h"

#include "crypto/constant_time.h"
#include "crypto/crypto_openssl.h"
#include "crypto/hash.h"

#include <openssl/err.h>

namespace berth::crypto {

namespace {

constexpr size_t block = 16;

const EVP_CIPHER* evp_cipher(cbc_hmac_algorithm alg) {
    static EVP_CIPHER* const aes128 = must(EVP_CIPHER_fetch(lib_context(), "AES-128-CBC", default_only), "fetching a cipher");
    static EVP_CIPHER* const aes256 = must(EVP_CIPHER_fetch(lib_context(), "AES-256-CBC", default_only), "fetching a cipher");
    return alg == cbc_hmac_algorithm::aes128_sha256 ? aes128 : aes256;
}

evp_cipher_ctx_ptr start(cbc_hmac_algorithm alg, bytes_view key, std::span<const uint8_t, cbc_iv_size> iv, bool seal) {
    if (key.size() != cbc_hmac_key_size(alg)) {
        die("taking a key of the wrong length");
    }
    evp_cipher_ctx_ptr context(must(EVP_CIPHER_CTX_new(), "making a cipher context"));
    // RFC 7518 5.2.2.1: "ENC_KEY consists of the final ENC_KEY_LEN octets of K"
    const bytes_view cipher_key = key.subspan(key.size() / 2);
    must(EVP_CipherInit_ex2(context.get(), evp_cipher(alg), cipher_key.data(), iv.data(), seal ? 1 : 0, nullptr),
         "expanding a cipher key");
    return context;
}

// RFC 7518 5.2.2.1: "The octet string AL is equal to the number of bits in the Additional Authenticated Data A expressed as a
// 64-bit unsigned big-endian integer"; the MAC is of A, the IV, the ciphertext E, and AL; its first half is the tag.
digest mac(cbc_hmac_algorithm alg, bytes_view key, bytes_view iv, bytes_view aad, bytes_view ciphertext) {
    std::array<uint8_t, 8> bits{};
    for (size_t i = 0; i < bits.size(); ++i) {
        bits[i] = static_cast<uint8_t>(static_cast<uint64_t>(aad.size()) * 8 >> (8 * (bits.size() - 1 - i)));
    }
    return hmac(alg == cbc_hmac_algorithm::aes128_sha256 ? hash_algorithm::sha256 : hash_algorithm::sha512,
                key.first(key.size() / 2), concat({aad, iv, ciphertext, bits}));
}

}  // namespace

cbc_hmac_sealed cbc_hmac_seal(cbc_hmac_algorithm alg, bytes_view key, std::span<const uint8_t, cbc_iv_size> iv, bytes_view aad,
                              bytes_view plaintext) {
    const auto context = start(alg, key, iv, true);
    cbc_hmac_sealed out;
    out.ciphertext.resize(plaintext.size() + block - plaintext.size() % block);
    int done = 0;
    int rest = 0;
    must(EVP_EncryptUpdate(context.get(), out.ciphertext.data(), &done, plaintext.data(), static_cast<int>(plaintext.size())),
         "encrypting");
    must(EVP_EncryptFinal_ex(context.get(), out.ciphertext.data() + done, &rest), "finishing an encryption");
    out.tag = to_bytes(mac(alg, key, iv, aad, out.ciphertext).view().first(cbc_hmac_tag_size(alg)));
    return out;
}

result<bytes> cbc_hmac_open(cbc_hmac_algorithm alg, bytes_view key, std::span<const uint8_t, cbc_iv_size> iv, bytes_view aad,
                            bytes_view ciphertext, bytes_view tag) {
    const digest expected = mac(alg, key, iv, aad, ciphertext);
    if (equal(expected.view().first(cbc_hmac_tag_size(alg)), tag) && !ciphertext.empty() && ciphertext.size() % block == 0) {
        const auto context = start(alg, key, iv, false);
        bytes out(ciphertext.size() + block);
        int done = 0;
        int rest = 0;
        if (EVP_DecryptUpdate(context.get(), out.data(), &done, ciphertext.data(), static_cast<int>(ciphertext.size())) == 1 &&
            EVP_DecryptFinal_ex(context.get(), out.data() + done, &rest) == 1) {
            out.resize(static_cast<size_t>(done + rest));
            return out;
        }
        ERR_clear_error();
    }
    return fail(error_category::peer, "decryption_failed", "The message cannot be opened with this key.");
}

}  // namespace berth::crypto
