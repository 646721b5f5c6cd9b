#include "crypto/shake.h"

#include "crypto/crypto_openssl.h"

namespace berth::crypto {

secret_bytes shake256(std::initializer_list<bytes_view> parts, size_t length) {
    static EVP_MD* const algorithm = must(EVP_MD_fetch(lib_context(), "SHAKE256", default_only), "fetching a hash algorithm");
    const evp_md_ctx_ptr context(must(EVP_MD_CTX_new(), "making a hash context"));
    must(EVP_DigestInit_ex2(context.get(), algorithm, nullptr), "starting a hash");
    for (const bytes_view part : parts) {
        must(EVP_DigestUpdate(context.get(), part.data(), part.size()), "hashing");
    }
    secret_bytes out(length);
    must(EVP_DigestFinalXOF(context.get(), out.writable().data(), length), "finishing a hash");
    return out;
}

}  // namespace berth::crypto
