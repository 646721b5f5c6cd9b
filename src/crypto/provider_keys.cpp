// Key management and KEM operations of the provider: thin, the work is kem.cpp's.
#include "crypto/provider_impl_openssl.h"
#include "crypto/random.h"

#include <openssl/core_names.h>

namespace berth::crypto::provider {

namespace {

constexpr int select_private = OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
constexpr int select_public = OSSL_KEYMGMT_SELECT_PUBLIC_KEY;
constexpr int select_pair = OSSL_KEYMGMT_SELECT_KEYPAIR;

composite_key& key_of(void* data) {
    return *static_cast<composite_key*>(data);
}
const composite_key& key_of(const void* data) {
    return *static_cast<const composite_key*>(data);
}

// Libcrypto owns what these functions return and gives it back to be freed. All of them are noexcept: running out of memory
// ends the process, since no exception may cross into C.
void* make_key(composite_key key) noexcept {
    return std::make_unique<composite_key>(std::move(key)).release();
}

template <kem_algorithm A>
void* new_key(void*) noexcept {
    return make_key({&traits_of(A), {}, {}});
}

void free_key(void* data) noexcept {
    delete static_cast<composite_key*>(data);
}

void* dup_key(const void* data, int selection) noexcept {
    const composite_key& from = key_of(data);
    composite_key made{from.traits, from.pub, {}};
    if ((selection & select_private) != 0) {
        made.priv = from.priv;
    }
    return make_key(std::move(made));
}

int has(const void* data, int selection) noexcept {
    if (data == nullptr) {
        return 0;
    }
    const composite_key& key = key_of(data);
    return ((selection & select_public) == 0 || key.pub) && ((selection & select_private) == 0 || key.priv) ? 1 : 0;
}

int match(const void* a, const void* b, int selection) noexcept {
    if ((selection & select_pair) == 0) {
        return 1;
    }
    const composite_key& x = key_of(a);
    const composite_key& y = key_of(b);
    return x.pub && y.pub && *x.pub == *y.pub ? 1 : 0;
}

int validate(const void* data, int selection, int) noexcept {
    return has(data, selection);
}

const OSSL_PARAM* gettable(void*) noexcept {
    static const std::array list{OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_BITS, nullptr),
                                 OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_SECURITY_BITS, nullptr),
                                 OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_MAX_SIZE, nullptr),
                                 OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
                                 OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, nullptr, 0),
                                 OSSL_PARAM_construct_end()};
    return list.data();
}

int get_params(void* data, OSSL_PARAM params[]) noexcept {
    const composite_key& key = key_of(data);
    const auto set_int = [params](const char* name, int value) {
        OSSL_PARAM* p = OSSL_PARAM_locate(params, name);
        return p == nullptr || OSSL_PARAM_set_int(p, value) == 1;
    };
    const auto set_public = [&](const char* name) {
        OSSL_PARAM* p = OSSL_PARAM_locate(params, name);
        return p == nullptr || (key.pub && OSSL_PARAM_set_octet_string(p, key.pub->raw().data(), key.pub->raw().size()) == 1);
    };
    return set_int(OSSL_PKEY_PARAM_BITS, key.traits->sizes.scalar == 32 ? 768 : 1024) &&
                   set_int(OSSL_PKEY_PARAM_SECURITY_BITS, key.traits->security_bits) &&
                   set_int(OSSL_PKEY_PARAM_MAX_SIZE, static_cast<int>(key.traits->sizes.encapsulation)) &&
                   set_public(OSSL_PKEY_PARAM_PUB_KEY) && set_public(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY)
               ? 1
               : 0;
}

const OSSL_PARAM* exchanged_types(int selection) noexcept {
    static const std::array list{OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
                                 OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, nullptr, 0),
                                 OSSL_PARAM_construct_end()};
    return (selection & select_pair) != 0 ? list.data() : nullptr;
}

bytes_view octets_in(const OSSL_PARAM params[], const char* name) {
    const OSSL_PARAM* p = OSSL_PARAM_locate_const(params, name);
    if (p == nullptr || p->data_type != OSSL_PARAM_OCTET_STRING || p->data == nullptr) {
        return {};
    }
    return {static_cast<const uint8_t*>(p->data), p->data_size};
}

int import_key(void* data, int selection, const OSSL_PARAM params[]) noexcept {
    composite_key& key = key_of(data);
    const bytes_view priv = octets_in(params, OSSL_PKEY_PARAM_PRIV_KEY);
    const bytes_view pub = octets_in(params, OSSL_PKEY_PARAM_PUB_KEY);
    if ((selection & select_private) != 0 && !priv.empty()) {
        auto made = hybrid_from_private_octets(*key.traits, priv);
        if (!made || (!pub.empty() && !same_octets(pub, made->public_key().raw()))) {
            return 0;
        }
        key.pub = made->public_key();
        key.priv = std::move(*made);
        return 1;
    }
    auto made = kem_public_key::from_raw(key.traits->algorithm, pub);
    if (!made) {
        return 0;
    }
    key.pub = std::move(*made);
    return 1;
}

int export_key(void* data, int selection, OSSL_CALLBACK* callback, void* argument) noexcept {
    const composite_key& key = key_of(data);
    if (!key.pub || ((selection & select_private) != 0 && !key.priv)) {
        return 0;
    }
    const bytes_view raw = key.pub->raw();
    secret_bytes priv;
    std::array<OSSL_PARAM, 3> params{};
    size_t used = 0;
    params[used++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<uint8_t*>(raw.data()), raw.size());
    if ((selection & select_private) != 0) {
        priv = hybrid_private_octets(key.priv->get());
        params[used++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, priv.writable().data(), priv.size());
    }
    params[used] = OSSL_PARAM_construct_end();
    return callback(params.data(), argument);
}

// Takes the key that a decoder made; the decoder frees what nobody took.
void* load(const void* reference, size_t size) noexcept {
    if (size != sizeof(composite_key*)) {
        return nullptr;
    }
    auto* slot = const_cast<composite_key**>(static_cast<composite_key* const*>(reference));
    return std::exchange(*slot, nullptr);
}

// A key generation holds nothing but its algorithm.
template <kem_algorithm A>
void* generate_init(void*, int, const OSSL_PARAM[]) noexcept {
    return const_cast<kem_traits*>(&traits_of(A));
}

// Without it EVP_PKEY_Q_keygen fails and says nothing.
int generate_set_params(void*, const OSSL_PARAM[]) noexcept {
    return 1;
}

const OSSL_PARAM* generate_settable(void*, void*) noexcept {
    static const std::array none{OSSL_PARAM_construct_end()};
    return none.data();
}

void* generate(void* context, OSSL_CALLBACK*, void*) noexcept {
    const auto* traits = static_cast<const kem_traits*>(context);
    kem_private_key priv = kem_private_key::generate(traits->algorithm, system_random());
    return make_key({traits, priv.public_key(), priv});
}

void generate_cleanup(void*) noexcept {}

template <kem_algorithm A>
const char* operation_name(int operation) noexcept {
    return operation == OSSL_OP_KEM ? algorithm_name(A) : nullptr;
}

template <kem_algorithm A>
const OSSL_DISPATCH* management_table() {
    static const std::array table{
        entry(OSSL_FUNC_KEYMGMT_NEW, new_key<A>),
        entry(OSSL_FUNC_KEYMGMT_FREE, free_key),
        entry(OSSL_FUNC_KEYMGMT_DUP, dup_key),
        entry(OSSL_FUNC_KEYMGMT_HAS, has),
        entry(OSSL_FUNC_KEYMGMT_MATCH, match),
        entry(OSSL_FUNC_KEYMGMT_VALIDATE, validate),
        entry(OSSL_FUNC_KEYMGMT_GET_PARAMS, get_params),
        entry(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, gettable),
        entry(OSSL_FUNC_KEYMGMT_IMPORT, import_key),
        entry(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, exchanged_types),
        entry(OSSL_FUNC_KEYMGMT_EXPORT, export_key),
        entry(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, exchanged_types),
        entry(OSSL_FUNC_KEYMGMT_LOAD, load),
        entry(OSSL_FUNC_KEYMGMT_GEN_INIT, generate_init<A>),
        entry(OSSL_FUNC_KEYMGMT_GEN, generate),
        entry(OSSL_FUNC_KEYMGMT_GEN_CLEANUP, generate_cleanup),
        entry(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, generate_set_params),
        entry(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, generate_settable),
        entry(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation_name<A>),
        OSSL_DISPATCH{0, nullptr},
    };
    return table.data();
}

// A KEM operation: a copy of the key's handles, so that the key object may go away meanwhile.
struct operation {
    std::optional<composite_key> key;
};

void* new_operation(void*) noexcept {
    return std::make_unique<operation>().release();
}

void free_operation(void* context) noexcept {
    delete static_cast<operation*>(context);
}

void* dup_operation(void* context) noexcept {
    return std::make_unique<operation>(*static_cast<operation*>(context)).release();
}

int encapsulate_init(void* context, void* data, const OSSL_PARAM[]) noexcept {
    static_cast<operation*>(context)->key = key_of(data);
    return key_of(data).pub ? 1 : 0;
}

int decapsulate_init(void* context, void* data, const OSSL_PARAM[]) noexcept {
    static_cast<operation*>(context)->key = key_of(data);
    return key_of(data).priv ? 1 : 0;
}

int encapsulate(void* context, unsigned char* out, size_t* out_size, unsigned char* secret, size_t* secret_size) noexcept {
    const composite_key& key = *static_cast<operation*>(context)->key;
    const kem_sizes& sizes = key.traits->sizes;
    if (out != nullptr) {
        if ((out_size != nullptr && *out_size < sizes.encapsulation) || secret == nullptr ||
            (secret_size != nullptr && *secret_size < sizes.shared_secret)) {
            return 0;
        }
        const kem_encapsulation made = key.pub->encapsulate(system_random());
        std::copy(made.enc.begin(), made.enc.end(), out);
        std::copy(made.shared_secret.reveal().begin(), made.shared_secret.reveal().end(), secret);
    }
    if (out_size != nullptr) {
        *out_size = sizes.encapsulation;
    }
    if (secret_size != nullptr) {
        *secret_size = sizes.shared_secret;
    }
    return 1;
}

int decapsulate(void* context, unsigned char* secret, size_t* secret_size, const unsigned char* in, size_t in_size) noexcept {
    const composite_key& key = *static_cast<operation*>(context)->key;
    const size_t size = key.traits->sizes.shared_secret;
    if (secret != nullptr) {
        if (secret_size != nullptr && *secret_size < size) {
            return 0;
        }
        const auto made = key.priv->decapsulate({in, in_size});
        if (!made) {
            return 0;
        }
        std::copy(made->reveal().begin(), made->reveal().end(), secret);
    }
    if (secret_size != nullptr) {
        *secret_size = size;
    }
    return 1;
}

}  // namespace

const OSSL_DISPATCH* key_management(kem_algorithm alg) {
    return alg == kem_algorithm::mlkem768_p256 ? management_table<kem_algorithm::mlkem768_p256>()
                                               : management_table<kem_algorithm::mlkem1024_p384>();
}

const OSSL_DISPATCH* kem_operations() {
    static const std::array table{
        entry(OSSL_FUNC_KEM_NEWCTX, new_operation),    entry(OSSL_FUNC_KEM_FREECTX, free_operation),
        entry(OSSL_FUNC_KEM_DUPCTX, dup_operation),    entry(OSSL_FUNC_KEM_ENCAPSULATE_INIT, encapsulate_init),
        entry(OSSL_FUNC_KEM_ENCAPSULATE, encapsulate), entry(OSSL_FUNC_KEM_DECAPSULATE_INIT, decapsulate_init),
        entry(OSSL_FUNC_KEM_DECAPSULATE, decapsulate), OSSL_DISPATCH{0, nullptr},
    };
    return table.data();
}

}  // namespace berth::crypto::provider
