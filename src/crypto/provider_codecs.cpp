// Decoders and encoders of the provider: SubjectPublicKeyInfo and PrivateKeyInfo, DER and PEM.
#include "base/wipe.h"
#include "crypto/der_openssl.h"
#include "crypto/provider_impl_openssl.h"
#include "wire/pem.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>

namespace berth::crypto::provider {

namespace {

constexpr int select_private = OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
constexpr int select_public = OSSL_KEYMGMT_SELECT_PUBLIC_KEY;

// No key of ours comes near; what is longer is somebody else's.
constexpr size_t longest = 8192;

void* new_context(void* provider_context) noexcept {
    return provider_context;
}
void free_context(void*) noexcept {}

// libcrypto asks for the most private part that it wants, and expects an answer for that part alone.
template <int Offered>
int does_selection(void*, int selection) noexcept {
    if (selection == 0) {
        return 1;
    }
    for (const int part : {select_private, select_public, OSSL_KEYMGMT_SELECT_ALL_PARAMETERS}) {
        if ((selection & part) != 0) {
            return (Offered & part) != 0 ? 1 : 0;
        }
    }
    return 0;
}

secret_bytes read_all(OSSL_CORE_BIO* in) {
    secret_bytes out(longest + 1);
    size_t used = 0;
    size_t got = 0;
    while (used < out.size() && core().read(in, out.writable().data() + used, out.size() - used, &got) == 1 && got > 0) {
        used += got;
    }
    out.resize(used);
    return out;
}

bool write_all(OSSL_CORE_BIO* out, bytes_view data) {
    size_t written = 0;
    return core().write(out, data.data(), data.size(), &written) == 1 && written == data.size();
}

// Hands a decoded key to libcrypto, which takes it through LOAD or leaves it.
int deliver(std::unique_ptr<composite_key> key, OSSL_CALLBACK* callback, void* argument) {
    int kind = OSSL_OBJECT_PKEY;
    composite_key* reference = key.release();
    const std::array params{
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &kind),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE,
                                         const_cast<char*>(algorithm_name(reference->traits->algorithm)), 0),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, static_cast<void*>(&reference), sizeof(composite_key*)),
        OSSL_PARAM_construct_end()};
    const int ok = callback(params.data(), argument);
    delete reference;
    return ok;
}

// "Not mine", and "mine but malformed", are both success without a key: libcrypto then tries the next decoder
// and in the end reports that nobody could read it.
constexpr int no_key = 1;

template <kem_algorithm A>
int decode_spki(void*, OSSL_CORE_BIO* in, int, OSSL_CALLBACK* callback, void* argument, OSSL_PASSPHRASE_CALLBACK*,
                void*) noexcept {
    const secret_bytes der = read_all(in);
    const auto parts = read_spki(der.reveal());
    if (!parts || !same_octets(parts->algorithm, traits_of(A).identifier)) {
        return no_key;
    }
    auto pub = kem_public_key::from_raw(A, parts->key);
    if (!pub) {
        return no_key;
    }
    return deliver(std::make_unique<composite_key>(composite_key{&traits_of(A), std::move(*pub), {}}), callback, argument);
}

template <kem_algorithm A>
int decode_pkcs8(void*, OSSL_CORE_BIO* in, int, OSSL_CALLBACK* callback, void* argument, OSSL_PASSPHRASE_CALLBACK*,
                 void*) noexcept {
    const secret_bytes der = read_all(in);
    const auto parts = read_pkcs8(der.reveal());
    if (!parts || parts->oid != traits_of(A).oid || parts->parameters) {
        return no_key;
    }
    auto priv = hybrid_from_private_octets(traits_of(A), parts->private_key);
    if (!priv) {
        return no_key;
    }
    return deliver(std::make_unique<composite_key>(composite_key{&traits_of(A), priv->public_key(), *priv}), callback, argument);
}

template <int Offered, auto Decode>
const OSSL_DISPATCH* decoder_table() {
    static const std::array table{
        entry(OSSL_FUNC_DECODER_NEWCTX, new_context),
        entry(OSSL_FUNC_DECODER_FREECTX, free_context),
        entry(OSSL_FUNC_DECODER_DOES_SELECTION, does_selection<Offered>),
        entry(OSSL_FUNC_DECODER_DECODE, Decode),
        OSSL_DISPATCH{0, nullptr},
    };
    return table.data();
}

enum class form { der, pem };

template <form F>
int encode_spki(void*, OSSL_CORE_BIO* out, const void* data, const OSSL_PARAM*, int, OSSL_PASSPHRASE_CALLBACK*, void*) noexcept {
    const auto* key = static_cast<const composite_key*>(data);
    if (key == nullptr || !key->pub) {
        return 0;
    }
    return write_all(out, F == form::der ? key->pub->spki() : as_bytes(wire::to_pem("PUBLIC KEY", key->pub->spki()))) ? 1 : 0;
}

template <form F>
int encode_pkcs8(void*, OSSL_CORE_BIO* out, const void* data, const OSSL_PARAM*, int, OSSL_PASSPHRASE_CALLBACK*, void*) noexcept {
    const auto* key = static_cast<const composite_key*>(data);
    if (key == nullptr || !key->priv) {
        return 0;
    }
    const auto der = key->priv->to_pkcs8();
    if (!der) {
        return 0;
    }
    if constexpr (F == form::der) {
        return write_all(out, der->reveal()) ? 1 : 0;
    } else {
        std::string pem = wire::to_pem("PRIVATE KEY", der->reveal());
        const bool ok = write_all(out, as_bytes(pem));
        wipe(pem);
        return ok ? 1 : 0;
    }
}

int encode_text(void*, OSSL_CORE_BIO* out, const void* data, const OSSL_PARAM*, int, OSSL_PASSPHRASE_CALLBACK*, void*) noexcept {
    const auto* key = static_cast<const composite_key*>(data);
    if (key == nullptr || !key->pub) {
        return 0;
    }
    const std::string text = std::string(key->traits->name) +
                             " public key\n    SHA-256 of SubjectPublicKeyInfo: " + to_hex(key->pub->spki_sha256()) + "\n";
    return write_all(out, as_bytes(text)) ? 1 : 0;
}

const OSSL_PARAM* settable(void*) noexcept {
    static const std::array list{OSSL_PARAM_construct_utf8_string(OSSL_ENCODER_PARAM_CIPHER, nullptr, 0),
                                 OSSL_PARAM_construct_end()};
    return list.data();
}

// An encoder that ignored a cipher would let PEM_write_bio_PrivateKey_ex write the private key in clear
// although a passphrase was given, and report success. Encryption goes through EVP_PKEY2PKCS8 and
// PKCS8_encrypt_ex instead.
int refuse_cipher(void*, const OSSL_PARAM params[]) noexcept {
    const OSSL_PARAM* cipher = OSSL_PARAM_locate_const(params, OSSL_ENCODER_PARAM_CIPHER);
    const char* name = nullptr;
    if (cipher == nullptr) {
        return 1;
    }
    return OSSL_PARAM_get_utf8_string_ptr(cipher, &name) == 1 && (name == nullptr || *name == '\0') ? 1 : 0;
}

template <int Offered, auto Encode>
const OSSL_DISPATCH* encoder_table() {
    static const std::array table{
        entry(OSSL_FUNC_ENCODER_NEWCTX, new_context),
        entry(OSSL_FUNC_ENCODER_FREECTX, free_context),
        entry(OSSL_FUNC_ENCODER_DOES_SELECTION, does_selection<Offered>),
        entry(OSSL_FUNC_ENCODER_SETTABLE_CTX_PARAMS, settable),
        entry(OSSL_FUNC_ENCODER_SET_CTX_PARAMS, refuse_cipher),
        entry(OSSL_FUNC_ENCODER_ENCODE, Encode),
        OSSL_DISPATCH{0, nullptr},
    };
    return table.data();
}

}  // namespace

const OSSL_DISPATCH* spki_decoder(kem_algorithm alg) {
    return alg == kem_algorithm::mlkem768_p256 ? decoder_table<select_public, decode_spki<kem_algorithm::mlkem768_p256>>()
                                               : decoder_table<select_public, decode_spki<kem_algorithm::mlkem1024_p384>>();
}

const OSSL_DISPATCH* pkcs8_decoder(kem_algorithm alg) {
    return alg == kem_algorithm::mlkem768_p256 ? decoder_table<select_private, decode_pkcs8<kem_algorithm::mlkem768_p256>>()
                                               : decoder_table<select_private, decode_pkcs8<kem_algorithm::mlkem1024_p384>>();
}

const OSSL_DISPATCH* spki_der_encoder() {
    return encoder_table<select_public, encode_spki<form::der>>();
}
const OSSL_DISPATCH* spki_pem_encoder() {
    return encoder_table<select_public, encode_spki<form::pem>>();
}
const OSSL_DISPATCH* pkcs8_der_encoder() {
    return encoder_table<select_private, encode_pkcs8<form::der>>();
}
const OSSL_DISPATCH* pkcs8_pem_encoder() {
    return encoder_table<select_private, encode_pkcs8<form::pem>>();
}
const OSSL_DISPATCH* text_encoder() {
    return encoder_table<select_private | select_public, encode_text>();
}

}  // namespace berth::crypto::provider
