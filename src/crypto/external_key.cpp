// The provider "berth-external": key management and signature for EC keys held elsewhere. It is thin, and particular, since
// libcrypto and libssl choose providers by what can be exported: each point that one would do differently by habit says why.
#include "crypto/external_key.h"

#include "crypto/der_openssl.h"
#include "crypto/hash_openssl.h"
#include "crypto/provider_impl_openssl.h"
#include "crypto/sign_impl_openssl.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>

namespace berth::crypto {

namespace {

using provider::entry;

constexpr const char* external_name = "berth-external";
constexpr const char* external_properties = "provider=berth-external";
constexpr const char* param_holder = "berth-holder";  // the address of an external_key, valid during the import alone

struct external_key {
    std::optional<verification_key> pub;
    std::shared_ptr<const external_signer> holder;

    const signature_traits& traits() const { return *pub->get().traits; }
    hash_algorithm hash() const {
        return pub->algorithm() == signature_algorithm::ecdsa_p256_sha256 ? hash_algorithm::sha256 : hash_algorithm::sha384;
    }
    const char* digest_name() const { return hash() == hash_algorithm::sha256 ? "SHA256" : "SHA384"; }
};

const external_key& key_of(const void* data) {
    return *static_cast<const external_key*>(data);
}

// --- key management ----------------------------------------------------------------------------------------------------------

void* new_key(void*) noexcept {
    return std::make_unique<external_key>().release();
}

void free_key(void* data) noexcept {
    delete static_cast<external_key*>(data);
}

void* dup_key(const void* data, int) noexcept {
    return std::make_unique<external_key>(key_of(data)).release();
}

int has(const void* data, int) noexcept {
    return data != nullptr && key_of(data).pub ? 1 : 0;
}

int match(const void* a, const void* b, int selection) noexcept {
    if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0) {
        return 1;
    }
    return key_of(a).pub && key_of(b).pub && *key_of(a).pub == *key_of(b).pub ? 1 : 0;
}

const OSSL_PARAM* importable(int) noexcept {
    static const std::array list{OSSL_PARAM_construct_uint64(param_holder, nullptr), OSSL_PARAM_construct_end()};
    return list.data();
}

// Nothing but our own handle: an EC key of another provider must not end up here.
int import_key(void* data, int, const OSSL_PARAM params[]) noexcept {
    const OSSL_PARAM* p = OSSL_PARAM_locate_const(params, param_holder);
    uint64_t address = 0;
    if (p == nullptr || OSSL_PARAM_get_uint64(p, &address) != 1 || address == 0) {
        return 0;
    }
    *static_cast<external_key*>(data) = *reinterpret_cast<const external_key*>(static_cast<uintptr_t>(address));
    return 1;
}

const OSSL_PARAM* exportable(int selection) noexcept {
    static const std::array list{OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, nullptr, 0),
                                 OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
                                 OSSL_PARAM_construct_end()};
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? nullptr : list.data();
}

// Refuses whenever the private key is asked for. libcrypto first tries to move the key to the provider that it found for
// ECDSA; if that got the public part alone it would sign with it, and fail, instead of coming to us.
int export_key(void* data, int selection, OSSL_CALLBACK* callback, void* argument) noexcept {
    const external_key& key = key_of(data);
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 || !key.pub) {
        return 0;
    }
    const bytes_view point = key.pub->raw();
    const std::array params{
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>(key.traits().ec()->group_name()), 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<uint8_t*>(point.data()), point.size()),
        OSSL_PARAM_construct_end()};
    return callback(params.data(), argument);
}

const OSSL_PARAM* gettable(void*) noexcept {
    static const std::array list{OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_BITS, nullptr),
                                 OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_SECURITY_BITS, nullptr),
                                 OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_MAX_SIZE, nullptr),
                                 OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, nullptr, 0),
                                 OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, nullptr, 0),
                                 OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
                                 OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, nullptr, 0),
                                 OSSL_PARAM_construct_end()};
    return list.data();
}

int get_params(void* data, OSSL_PARAM params[]) noexcept {
    const external_key& key = key_of(data);
    if (!key.pub) {
        return 0;
    }
    const auto field = static_cast<int>(key.traits().ec()->field_size());
    const auto set = [params](const char* name, auto how) {
        OSSL_PARAM* p = OSSL_PARAM_locate(params, name);
        return p == nullptr || how(p) == 1;
    };
    const auto number = [](int value) { return [value](OSSL_PARAM* p) { return OSSL_PARAM_set_int(p, value); }; };
    const auto text = [](const char* value) { return [value](OSSL_PARAM* p) { return OSSL_PARAM_set_utf8_string(p, value); }; };
    const auto point = [&key](OSSL_PARAM* p) {
        return OSSL_PARAM_set_octet_string(p, key.pub->raw().data(), key.pub->raw().size());
    };
    // The group's name as libcrypto's own keys give it ("prime256v1"): under any other, libssl finds no use for the key and
    // sends an empty Certificate. Without security bits it holds the key to be too small.
    return set(OSSL_PKEY_PARAM_BITS, number(8 * field)) && set(OSSL_PKEY_PARAM_SECURITY_BITS, number(4 * field)) &&
                   set(OSSL_PKEY_PARAM_MAX_SIZE, number(2 * field + 9)) &&
                   set(OSSL_PKEY_PARAM_GROUP_NAME, text(key.traits().ec()->group_name())) &&
                   set(OSSL_PKEY_PARAM_DEFAULT_DIGEST, text(key.digest_name())) && set(OSSL_PKEY_PARAM_PUB_KEY, point) &&
                   set(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point)
               ? 1
               : 0;
}

// The key type and the signature have different names, and libcrypto would look for "EC".
const char* operation_name(int operation_id) noexcept {
    return operation_id == OSSL_OP_SIGNATURE ? "ECDSA" : nullptr;
}

// --- signature ---------------------------------------------------------------------------------------------------------------

// One signature being made. The holder is asked at its end and not before: libssl starts twice what it finishes once.
struct operation {
    const external_key* key = nullptr;  // held by the EVP_PKEY, which outlives its contexts
    std::optional<hasher> running;
};

operation& operation_of(void* data) {
    return *static_cast<operation*>(data);
}

void* new_operation(void*, const char*) noexcept {
    return std::make_unique<operation>().release();
}

void free_operation(void* data) noexcept {
    delete static_cast<operation*>(data);
}

void* dup_operation(void* data) noexcept {
    return std::make_unique<operation>(operation_of(data)).release();
}

int sign_init(void* data, void* key, const OSSL_PARAM[]) noexcept {
    if (key != nullptr) {
        operation_of(data).key = &key_of(key);
    }
    return operation_of(data).key != nullptr ? 1 : 0;
}

int digest_sign_init(void* data, const char* name, void* key, const OSSL_PARAM[]) noexcept {
    if (sign_init(data, key, nullptr) != 1) {
        return 0;
    }
    operation& op = operation_of(data);
    // The same hash has several names, and a chip signs with the one that its key was made for.
    if (name != nullptr && *name != '\0' && EVP_MD_is_a(evp_md(op.key->hash()), name) != 1) {
        ERR_raise_data(ERR_LIB_USER, ERR_R_UNSUPPORTED, "the key signs with %s only", op.key->digest_name());
        return 0;
    }
    op.running.emplace(op.key->hash());
    return 1;
}

int digest_sign_update(void* data, const unsigned char* more, size_t size) noexcept {
    operation& op = operation_of(data);
    if (!op.running) {
        return 0;
    }
    op.running->update({more, size});
    return 1;
}

int sign_digest(void* data, unsigned char* out, size_t* size, size_t capacity, const unsigned char* hashed,
                size_t hashed_size) noexcept {
    const operation& op = operation_of(data);
    const size_t most = 2 * op.key->traits().ec()->field_size() + 9;  // two integers with a sign octet each, and three heads
    if (out == nullptr) {
        *size = most;
        return 1;
    }
    if (hashed_size != hash_size(op.key->hash())) {
        return 0;
    }
    const auto signature = op.key->holder->sign_digest({hashed, hashed_size});
    if (!signature || signature->size() > capacity) {
        ERR_raise_data(ERR_LIB_USER, ERR_R_OPERATION_FAIL, "%s",
                       signature ? "its signature is too long" : signature.error().message.c_str());
        return 0;
    }
    std::copy(signature->begin(), signature->end(), out);
    *size = signature->size();
    return 1;
}

int digest_sign_final(void* data, unsigned char* out, size_t* size, size_t capacity) noexcept {
    operation& op = operation_of(data);
    if (!op.running) {
        return 0;
    }
    const digest value = op.running->peek();
    return sign_digest(data, out, size, capacity, value.data(), value.size());
}

// Verification with the key object that signs (libcrypto checks requests with it) needs no holder.
int digest_verify_final(void* data, const unsigned char* signature, size_t size) noexcept {
    operation& op = operation_of(data);
    if (!op.running) {
        return 0;
    }
    const digest value = op.running->peek();
    EVP_PKEY* const key = op.key->pub->get().key();
    const evp_pkey_ctx_ptr context(EVP_PKEY_CTX_new_from_pkey(lib_context(), key, default_only));
    return context && EVP_PKEY_verify_init(context.get()) == 1 &&
                   EVP_PKEY_verify(context.get(), signature, size, value.data(), value.size()) == 1
               ? 1
               : 0;
}

const OSSL_PARAM* gettable_operation(void*, void*) noexcept {
    static const std::array list{OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, nullptr, 0),
                                 OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, nullptr, 0),
                                 OSSL_PARAM_construct_end()};
    return list.data();
}

// Without algorithm-id, libcrypto 3.5 takes the size of a buffer for that of its content when it signs a request.
int get_operation_params(void* data, OSSL_PARAM params[]) noexcept {
    const operation& op = operation_of(data);
    if (op.key == nullptr) {
        return 0;
    }
    const bytes_view id = op.key->traits().signature;
    OSSL_PARAM* const identifier = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
    OSSL_PARAM* const name = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST);
    return (identifier == nullptr || OSSL_PARAM_set_octet_string(identifier, id.data(), id.size()) == 1) &&
                   (name == nullptr || OSSL_PARAM_set_utf8_string(name, op.key->digest_name()) == 1)
               ? 1
               : 0;
}

// --- the provider ------------------------------------------------------------------------------------------------------------

const OSSL_ALGORITHM* query(void*, int operation_id, int* no_cache) noexcept {
    static const std::array management{entry(OSSL_FUNC_KEYMGMT_NEW, new_key),
                                       entry(OSSL_FUNC_KEYMGMT_FREE, free_key),
                                       entry(OSSL_FUNC_KEYMGMT_DUP, dup_key),
                                       entry(OSSL_FUNC_KEYMGMT_HAS, has),
                                       entry(OSSL_FUNC_KEYMGMT_MATCH, match),
                                       entry(OSSL_FUNC_KEYMGMT_IMPORT, import_key),
                                       entry(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, importable),
                                       entry(OSSL_FUNC_KEYMGMT_EXPORT, export_key),
                                       entry(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, exportable),
                                       entry(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation_name),
                                       entry(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, gettable),
                                       entry(OSSL_FUNC_KEYMGMT_GET_PARAMS, get_params),
                                       OSSL_DISPATCH{0, nullptr}};
    static const std::array signature{entry(OSSL_FUNC_SIGNATURE_NEWCTX, new_operation),
                                      entry(OSSL_FUNC_SIGNATURE_FREECTX, free_operation),
                                      entry(OSSL_FUNC_SIGNATURE_DUPCTX, dup_operation),
                                      entry(OSSL_FUNC_SIGNATURE_SIGN_INIT, sign_init),
                                      entry(OSSL_FUNC_SIGNATURE_SIGN, sign_digest),
                                      entry(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, digest_sign_init),
                                      entry(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, digest_sign_update),
                                      entry(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, digest_sign_final),
                                      entry(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, digest_sign_init),
                                      entry(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE, digest_sign_update),
                                      entry(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL, digest_verify_final),
                                      entry(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, gettable_operation),
                                      entry(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, get_operation_params),
                                      OSSL_DISPATCH{0, nullptr}};
    static const std::array keys{
        OSSL_ALGORITHM{"EC:id-ecPublicKey:1.2.840.10045.2.1", external_properties, management.data(), nullptr},
        OSSL_ALGORITHM{nullptr, nullptr, nullptr, nullptr}};
    static const std::array signatures{OSSL_ALGORITHM{"ECDSA", external_properties, signature.data(), nullptr},
                                       OSSL_ALGORITHM{nullptr, nullptr, nullptr, nullptr}};
    *no_cache = 0;
    return operation_id == OSSL_OP_KEYMGMT ? keys.data() : operation_id == OSSL_OP_SIGNATURE ? signatures.data() : nullptr;
}

void teardown(void*) noexcept {}

extern "C" int berth_external_provider_init(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out,
                                            void** provider_context) {
    static const std::array dispatch{entry(OSSL_FUNC_PROVIDER_TEARDOWN, teardown),
                                     entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), OSSL_DISPATCH{0, nullptr}};
    static int context = 0;
    *out = dispatch.data();
    *provider_context = &context;
    return 1;
}

// Loaded when the first such key is made, so after the default provider: whoever asks for EC without further words goes on
// getting libcrypto's own.
void load_once() {
    static const bool loaded = [] {
        must(OSSL_PROVIDER_add_builtin(lib_context(), external_name, berth_external_provider_init),
             "adding the provider of external keys");
        must(OSSL_PROVIDER_load(lib_context(), external_name), "loading the provider of external keys");
        return true;
    }();
    static_cast<void>(loaded);
}

}  // namespace

result<signing_key> external_signing_key(const verification_key& pub, std::shared_ptr<const external_signer> holder) {
    if (traits_of(pub.algorithm()).ec == nullptr) {
        return fail(unsupported_key("a key in a chip that is not ECDSA"));
    }
    load_once();
    external_key made{pub, std::move(holder)};
    const evp_pkey_ctx_ptr context(
        must(EVP_PKEY_CTX_new_from_name(lib_context(), "EC", external_properties), "making a key context"));
    must(EVP_PKEY_fromdata_init(context.get()), "starting to build a key");
    auto address = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&made));
    std::array params{OSSL_PARAM_construct_uint64(param_holder, &address), OSSL_PARAM_construct_end()};
    EVP_PKEY* key = nullptr;
    must(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.data()), "building a key held elsewhere");
    return signing_key_from_evp(evp_pkey_ptr(key));
}

}  // namespace berth::crypto
