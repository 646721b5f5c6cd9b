// Internal to crypto, pki, keystore and net: libcrypto's types and the one library context of Berth.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

namespace berth::crypto {

// The library context that every libcrypto call of Berth names, with the default provider and ours
// (provider.h) in it. Made at first use, never freed: keys in static objects may outlive everything else.
// Thread-safe.
OSSL_LIB_CTX* lib_context();

// For primitives that only libcrypto itself shall provide.
inline constexpr const char* default_only = "provider=default";

// What libcrypto's error queue of this thread says, oldest first; empties it.
std::string openssl_errors();

// For failures that leave nothing to go on with: prints `what` and the error queue, aborts.
[[noreturn]] void die(const char* what);

// die() unless libcrypto said 1.
inline void must(int one, const char* what) {
    if (one != 1) {
        die(what);
    }
}
template <class T>
T* must(T* p, const char* what) {
    if (p == nullptr) {
        die(what);
    }
    return p;
}

template <auto Free>
struct openssl_deleter {
    template <class T>
    void operator()(T* p) const noexcept {
        Free(p);
    }
};
template <class T, auto Free>
using openssl_ptr = std::unique_ptr<T, openssl_deleter<Free>>;

using evp_pkey_ptr = openssl_ptr<EVP_PKEY, EVP_PKEY_free>;
using evp_pkey_ctx_ptr = openssl_ptr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using evp_md_ctx_ptr = openssl_ptr<EVP_MD_CTX, EVP_MD_CTX_free>;
using evp_cipher_ctx_ptr = openssl_ptr<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using bn_ptr = openssl_ptr<BIGNUM, BN_clear_free>;
using bn_ctx_ptr = openssl_ptr<BN_CTX, BN_CTX_free>;
using ec_point_ptr = openssl_ptr<EC_POINT, EC_POINT_clear_free>;
using pkcs8_ptr = openssl_ptr<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;
using asn1_object_ptr = openssl_ptr<ASN1_OBJECT, ASN1_OBJECT_free>;
using bio_ptr = openssl_ptr<BIO, BIO_free_all>;

// The dotted form of an OID, whatever names libcrypto has for it.
std::string dotted(const ASN1_OBJECT* oid);
asn1_object_ptr object_from_dotted(std::string_view oid);

// DER of anything with an i2d function.
template <class T, class I2d>
bytes to_der(const T* value, I2d i2d) {
    unsigned char* out = nullptr;
    const int size = i2d(value, &out);
    if (size < 0) {
        die("encoding DER");
    }
    bytes der(out, out + size);
    OPENSSL_free(out);
    return der;
}

}  // namespace berth::crypto
