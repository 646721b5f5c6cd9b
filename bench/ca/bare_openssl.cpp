// What issuing is compared with: one signature, as libcrypto makes it.
#include "ca/world.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#include <memory>

namespace berth::ca::bench {

std::function<bool(size_t)> bare_signature(const char* openssl_name) {
    const std::string name = openssl_name;
    EVP_PKEY* const made = name.starts_with("P-") ? EVP_EC_gen(openssl_name) : EVP_PKEY_Q_keygen(nullptr, nullptr, openssl_name);
    const std::shared_ptr<EVP_PKEY> key(made, EVP_PKEY_free);
    const char* const digest = name == "P-256" ? "SHA256" : name == "P-384" ? "SHA384" : nullptr;
    return [key, digest](size_t octets) {
        if (!key) {
            return false;
        }
        const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        const std::vector<uint8_t> message(octets, 0x42);
        std::vector<uint8_t> signature(8'192);
        size_t size = signature.size();
        return EVP_DigestSignInit_ex(context.get(), nullptr, digest, nullptr, nullptr, key.get(), nullptr) == 1 &&
               EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1;
    };
}

}  // namespace berth::ca::bench
