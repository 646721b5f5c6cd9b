#include "crypto/crypto_openssl.h"
#include "crypto/provider.h"
#include "crypto/provider_openssl.h"
#include "crypto/version.h"

#include <cstdio>
#include <cstdlib>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/provider.h>

namespace berth::crypto {

namespace {

OSSL_LIB_CTX* make_context() {
    // No openssl.cnf: Berth asks for every algorithm by name, and a file of the machine's must not add providers to it.
    must(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr), "starting libcrypto");
    OSSL_LIB_CTX* context = must(OSSL_LIB_CTX_new(), "making a library context");
    // The default provider first: whoever is asked for an algorithm without further words then gets
    // libcrypto's own.
    must(OSSL_PROVIDER_load(context, "default"), "loading libcrypto's default provider");
    must(OSSL_PROVIDER_add_builtin(context, provider_name, provider_init), "adding Berth's provider");
    must(OSSL_PROVIDER_load(context, provider_name), "loading Berth's provider");
    return context;
}

}  // namespace

OSSL_LIB_CTX* lib_context() {
    static OSSL_LIB_CTX* const context = make_context();
    return context;
}

void load_provider() {
    lib_context();
}

std::string openssl_errors() {
    std::string text;
    const char* data = nullptr;
    int flags = 0;
    while (const unsigned long code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
        if (!text.empty()) {
            text += "; ";
        }
        const char* reason = ERR_reason_error_string(code);
        text += reason != nullptr ? reason : "error " + std::to_string(code);
        if ((flags & ERR_TXT_STRING) != 0 && data != nullptr && *data != '\0') {
            text += std::string(" (") + data + ")";
        }
    }
    return text;
}

void die(const char* what) {
    std::fprintf(stderr, "berth: cryptography failed while %s: %s\n", what, openssl_errors().c_str());
    std::abort();
}

std::string dotted(const ASN1_OBJECT* oid) {
    const int size = OBJ_obj2txt(nullptr, 0, oid, 1);
    if (size <= 0) {
        return {};
    }
    std::string text(static_cast<size_t>(size) + 1, '\0');
    OBJ_obj2txt(text.data(), size + 1, oid, 1);
    text.resize(static_cast<size_t>(size));
    return text;
}

asn1_object_ptr object_from_dotted(std::string_view oid) {
    return asn1_object_ptr(OBJ_txt2obj(std::string(oid).c_str(), 1));
}

unsigned long openssl_version_number() noexcept {
    return OpenSSL_version_num();
}

std::string openssl_version_text() {
    return OpenSSL_version(OPENSSL_VERSION);
}

result<void> require_openssl() {
    constexpr unsigned long first_with_ml_kem = 0x30500000UL;
    if (openssl_version_number() < first_with_ml_kem) {
        return fail(error{error_category::environment, "openssl_too_old",
                          "This program needs OpenSSL 3.5 or newer but was started with " + openssl_version_text() +
                              ". Another libcrypto.so.3 comes first in the library path: check LD_LIBRARY_PATH and "
                              "LD_PRELOAD."}
                        .with("version", openssl_version_text()));
    }
    return {};
}

}  // namespace berth::crypto
