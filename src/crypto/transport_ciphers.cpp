#include "crypto/transport_ciphers.h"

#include "crypto/crypto_openssl.h"

#include <array>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

namespace berth::crypto {

namespace {

const char* libcrypto_name(hash_algorithm hash) {
    return hash == hash_algorithm::sha256 ? "SHA2-256" : hash == hash_algorithm::sha384 ? "SHA2-384" : "SHA2-512";
}

tl::unexpected<error> bad_key(const std::string& why) {
    return fail(error_category::peer, "bad_public_key", why);
}

}  // namespace

result<bytes> rsa_oaep_encrypt(bytes_view spki, hash_algorithm hash, bytes_view label, bytes_view plain) {
    const unsigned char* at = spki.data();
    const evp_pkey_ptr key(d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(spki.size()), lib_context(), default_only));
    if (!key || EVP_PKEY_is_a(key.get(), "RSA") != 1) {
        ERR_clear_error();
        return bad_key("it is no RSA key");
    }
    const evp_pkey_ctx_ptr context(
        must(EVP_PKEY_CTX_new_from_pkey(lib_context(), key.get(), default_only), "making a key context"));
    must(EVP_PKEY_encrypt_init(context.get()), "starting an RSA encryption");
    // libcrypto takes all of these through pointers that are not const, and writes through none.
    char* const digest = const_cast<char*>(libcrypto_name(hash));
    bytes label_octets = to_bytes(label);
    std::array params{
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, const_cast<char*>(OSSL_PKEY_RSA_PAD_MODE_OAEP), 0),
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, digest, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, label_octets.data(), label_octets.size()),
        OSSL_PARAM_construct_end()};
    must(EVP_PKEY_CTX_set_params(context.get(), params.data()), "choosing OAEP");
    size_t size = 0;
    must(EVP_PKEY_encrypt(context.get(), nullptr, &size, plain.data(), plain.size()), "sizing an RSA encryption");
    bytes out(size);
    if (EVP_PKEY_encrypt(context.get(), out.data(), &size, plain.data(), plain.size()) != 1) {
        return bad_key("nothing can be encrypted to it: " + openssl_errors());
    }
    out.resize(size);
    return out;
}

bytes aes_cfb_encrypt_once(bytes_view key, bytes_view plain) {
    const evp_cipher_ctx_ptr context(must(EVP_CIPHER_CTX_new(), "making a cipher context"));
    using cipher_ptr = openssl_ptr<EVP_CIPHER, EVP_CIPHER_free>;
    const cipher_ptr cipher(must(EVP_CIPHER_fetch(lib_context(), key.size() == 16 ? "AES-128-CFB" : "AES-256-CFB", default_only),
                                 "fetching AES-CFB"));
    const std::array<uint8_t, 16> zero_iv{};
    must(EVP_EncryptInit_ex2(context.get(), cipher.get(), key.data(), zero_iv.data(), nullptr), "starting AES-CFB");
    bytes out(plain.size());
    int size = 0;
    must(EVP_EncryptUpdate(context.get(), out.data(), &size, plain.data(), static_cast<int>(plain.size())), "AES-CFB");
    return out;
}

}  // namespace berth::crypto
