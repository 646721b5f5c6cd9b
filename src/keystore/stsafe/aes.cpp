#include "keystore/stsafe/aes.h"

#include "crypto/crypto_openssl.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

namespace berth::keystore::stsafe::aes {

namespace {

using crypto::must;

using cipher_ptr = crypto::openssl_ptr<EVP_CIPHER, EVP_CIPHER_free>;
using mac_ptr = crypto::openssl_ptr<EVP_MAC, EVP_MAC_free>;
using mac_ctx_ptr = crypto::openssl_ptr<EVP_MAC_CTX, EVP_MAC_CTX_free>;

const char* variant(bytes_view key, const char* of_16, const char* of_32) {
    if (key.size() != 16 && key.size() != 32) {
        crypto::die("taking an AES key of a length that the chip has not");
    }
    return key.size() == 16 ? of_16 : of_32;
}

// One cipher over all of `in`. Nothing when libcrypto refuses the data.
std::optional<secret_bytes> run(const char* name, bytes_view key, const uint8_t* iv, bytes_view in, bool encrypting) {
    const cipher_ptr cipher(must(EVP_CIPHER_fetch(crypto::lib_context(), name, crypto::default_only), "fetching AES"));
    const crypto::evp_cipher_ctx_ptr context(must(EVP_CIPHER_CTX_new(), "making a cipher context"));
    EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    must(EVP_CipherInit_ex2(context.get(), cipher.get(), key.data(), iv, encrypting ? 1 : 0, nullptr), "expanding an AES key");
    must(EVP_CIPHER_CTX_set_padding(context.get(), 0), "setting no padding");
    secret_bytes out(in.size() + 16);
    int done = 0;
    int last = 0;
    if (EVP_CipherUpdate(context.get(), out.writable().data(), &done, in.data(), static_cast<int>(in.size())) != 1 ||
        EVP_CipherFinal_ex(context.get(), out.writable().data() + done, &last) != 1) {
        ERR_clear_error();
        return std::nullopt;
    }
    out.resize(static_cast<size_t>(done + last));
    return out;
}

secret_bytes must_run(const char* name, bytes_view key, const uint8_t* iv, bytes_view in, bool encrypting) {
    auto out = run(name, key, iv, in, encrypting);
    if (!out) {
        crypto::die("ciphering what is not a whole number of AES blocks");
    }
    return std::move(*out);
}

}  // namespace

block cmac(bytes_view key, bytes_view first, bytes_view second) {
    const mac_ptr mac(must(EVP_MAC_fetch(crypto::lib_context(), "CMAC", crypto::default_only), "fetching CMAC"));
    const mac_ctx_ptr context(must(EVP_MAC_CTX_new(mac.get()), "making a CMAC context"));
    std::string cipher = variant(key, "AES-128-CBC", "AES-256-CBC");
    const std::array params{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher.data(), 0),
                            OSSL_PARAM_construct_end()};
    must(EVP_MAC_init(context.get(), key.data(), key.size(), params.data()), "keying CMAC");
    for (const bytes_view part : {first, second}) {
        must(EVP_MAC_update(context.get(), part.data(), part.size()), "computing CMAC");
    }
    block out{};
    size_t size = 0;
    must(EVP_MAC_final(context.get(), out.data(), &size, out.size()), "finishing CMAC");
    return out;
}

block encrypt_block(bytes_view key, const block& in) {
    return to_array<16>(must_run(variant(key, "AES-128-ECB", "AES-256-ECB"), key, nullptr, in, true).reveal());
}

secret_bytes ecb_encrypt(bytes_view key, bytes_view in) {
    return must_run(variant(key, "AES-128-ECB", "AES-256-ECB"), key, nullptr, in, true);
}

secret_bytes ecb_decrypt(bytes_view key, bytes_view in) {
    return must_run(variant(key, "AES-128-ECB", "AES-256-ECB"), key, nullptr, in, false);
}

secret_bytes cbc_encrypt(bytes_view key, const block& iv, bytes_view in) {
    return must_run(variant(key, "AES-128-CBC", "AES-256-CBC"), key, iv.data(), in, true);
}

secret_bytes cbc_decrypt(bytes_view key, const block& iv, bytes_view in) {
    return must_run(variant(key, "AES-128-CBC", "AES-256-CBC"), key, iv.data(), in, false);
}

std::optional<bytes> wrap(bytes_view key, bytes_view data) {
    if (data.size() < 16 || data.size() % 8 != 0) {
        return std::nullopt;
    }
    const auto out = run(variant(key, "AES-128-WRAP", "AES-256-WRAP"), key, nullptr, data, true);
    return out ? std::optional(to_bytes(out->reveal())) : std::nullopt;
}

std::optional<secret_bytes> unwrap(bytes_view key, bytes_view envelope) {
    if (envelope.size() < 24 || envelope.size() % 8 != 0) {
        return std::nullopt;
    }
    return run(variant(key, "AES-128-WRAP", "AES-256-WRAP"), key, nullptr, envelope, false);
}

}  // namespace berth::keystore::stsafe::aes
