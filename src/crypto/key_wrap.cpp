#include "crypto/key_wrap.h"

#include "crypto/crypto_openssl.h"

#include <openssl/err.h>

namespace berth::crypto {

namespace {

constexpr size_t half_block = 8;
constexpr size_t most_wrapped = 1024;

evp_cipher_ctx_ptr start(bytes_view key, bool wrap) {
    static EVP_CIPHER* const cipher = must(EVP_CIPHER_fetch(lib_context(), "AES-256-WRAP", default_only), "fetching a cipher");
    if (key.size() != key_wrap_key_size) {
        die("wrapping with a key of the wrong length");
    }
    evp_cipher_ctx_ptr context(must(EVP_CIPHER_CTX_new(), "making a cipher context"));
    EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    must(EVP_CipherInit_ex2(context.get(), cipher, key.data(), nullptr, wrap ? 1 : 0, nullptr), "expanding a wrapping key");
    return context;
}

}  // namespace

bytes wrap_key(bytes_view key, const secret_bytes& secret) {
    if (secret.size() % half_block != 0 || secret.size() < 2 * half_block || secret.size() > most_wrapped) {
        die("wrapping a key of an odd length");
    }
    const auto context = start(key, true);
    bytes out(secret.size() + key_wrap_overhead);
    int size = 0;
    must(EVP_CipherUpdate(context.get(), out.data(), &size, secret.reveal().data(), static_cast<int>(secret.size())),
         "wrapping a key");
    return out;
}

result<secret_bytes> unwrap_key(bytes_view key, bytes_view wrapped) {
    const bool sized = wrapped.size() % half_block == 0 && wrapped.size() >= 3 * half_block &&
                       wrapped.size() <= most_wrapped + key_wrap_overhead;
    if (sized) {
        const auto context = start(key, false);
        secret_bytes out(wrapped.size());  // libcrypto writes no more than that
        int size = 0;
        if (EVP_CipherUpdate(context.get(), out.writable().data(), &size, wrapped.data(), static_cast<int>(wrapped.size())) ==
                1 &&
            static_cast<size_t>(size) == wrapped.size() - key_wrap_overhead) {
            out.resize(static_cast<size_t>(size));
            return out;
        }
        ERR_clear_error();
    }
    return fail(error_category::peer, "decryption_failed", "A wrapped key is not one that was wrapped with this key.");
}

}  // namespace berth::crypto
