#include "crypto/provider.h"

#include "crypto/provider_impl_openssl.h"
#include "crypto/provider_openssl.h"

#include <openssl/core_names.h>
#include <openssl/objects.h>

namespace berth::crypto {

namespace provider {

core_functions& core() {
    static core_functions functions;
    return functions;
}

const char* algorithm_name(kem_algorithm alg) noexcept {
    return alg == kem_algorithm::mlkem768_p256 ? "id-MLKEM768-ECDH-P256-SHA3-256" : "id-MLKEM1024-ECDH-P384-SHA3-256";
}

namespace {

constexpr std::array hybrids{kem_algorithm::mlkem768_p256, kem_algorithm::mlkem1024_p384};

// libcrypto looks decoders up by what OBJ_obj2txt makes of the OID: its dotted form as long as nobody has
// registered a name for it, and that name once somebody has (another library in the process, or a later
// OpenSSL).
std::string names_of(kem_algorithm alg) {
    std::string names = std::string(algorithm_name(alg)) + ":" + std::string(oid_of(alg));
    const asn1_object_ptr oid = object_from_dotted(oid_of(alg));
    std::array<char, 128> text{};
    if (oid && OBJ_obj2txt(text.data(), static_cast<int>(text.size()), oid.get(), 0) > 0 &&
        names.find(text.data()) == std::string::npos) {
        names += ":" + std::string(text.data());
    }
    return names;
}

struct tables {
    std::array<std::string, hybrids.size()> names;
    std::vector<OSSL_ALGORITHM> key_management;
    std::vector<OSSL_ALGORITHM> kems;
    std::vector<OSSL_ALGORITHM> decoders;
    std::vector<OSSL_ALGORITHM> encoders;

    tables() {
        for (size_t i = 0; i < hybrids.size(); ++i) {
            const kem_algorithm alg = hybrids[i];
            names[i] = names_of(alg);
            const char* name = names[i].c_str();
            const auto add = [name](std::vector<OSSL_ALGORITHM>& to, const char* properties, const OSSL_DISPATCH* how) {
                to.push_back({name, properties, how, nullptr});
            };
            add(key_management, "provider=berth", provider::key_management(alg));
            add(kems, "provider=berth", kem_operations());
            add(decoders, "provider=berth,input=der,structure=SubjectPublicKeyInfo", spki_decoder(alg));
            add(decoders, "provider=berth,input=der,structure=PrivateKeyInfo", pkcs8_decoder(alg));
            add(encoders, "provider=berth,output=der,structure=SubjectPublicKeyInfo", spki_der_encoder());
            add(encoders, "provider=berth,output=pem,structure=SubjectPublicKeyInfo", spki_pem_encoder());
            add(encoders, "provider=berth,output=der,structure=PrivateKeyInfo", pkcs8_der_encoder());
            add(encoders, "provider=berth,output=pem,structure=PrivateKeyInfo", pkcs8_pem_encoder());
            add(encoders, "provider=berth,output=text", text_encoder());
        }
        for (auto* list : {&key_management, &kems, &decoders, &encoders}) {
            list->push_back({nullptr, nullptr, nullptr, nullptr});
        }
    }
};

const tables& all_tables() {
    static const tables t;
    return t;
}

const OSSL_ALGORITHM* query(void*, int operation, int* no_cache) noexcept {
    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT: return all_tables().key_management.data();
    case OSSL_OP_KEM: return all_tables().kems.data();
    case OSSL_OP_DECODER: return all_tables().decoders.data();
    case OSSL_OP_ENCODER: return all_tables().encoders.data();
    default: return nullptr;
    }
}

const OSSL_PARAM* gettable_params(void*) noexcept {
    static const std::array list{OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_NAME, nullptr, 0),
                                 OSSL_PARAM_construct_int(OSSL_PROV_PARAM_STATUS, nullptr), OSSL_PARAM_construct_end()};
    return list.data();
}

int get_params(void*, OSSL_PARAM params[]) noexcept {
    OSSL_PARAM* name = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
    OSSL_PARAM* status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
    return (name == nullptr || OSSL_PARAM_set_utf8_ptr(name, "Berth composite KEM keys") == 1) &&
                   (status == nullptr || OSSL_PARAM_set_int(status, 1) == 1)
               ? 1
               : 0;
}

void teardown(void*) noexcept {}

}  // namespace

}  // namespace provider

// Nothing is fetched here: the default provider may not be there yet.
int berth_provider_init(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH* in, const OSSL_DISPATCH** out, void** provider_context) {
    provider::core_functions& core = provider::core();
    for (; in->function_id != 0; ++in) {
        if (in->function_id == OSSL_FUNC_BIO_READ_EX) {
            core.read = OSSL_FUNC_BIO_read_ex(in);
        } else if (in->function_id == OSSL_FUNC_BIO_WRITE_EX) {
            core.write = OSSL_FUNC_BIO_write_ex(in);
        }
    }
    static const std::array dispatch{
        provider::entry(OSSL_FUNC_PROVIDER_TEARDOWN, provider::teardown),
        provider::entry(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, provider::gettable_params),
        provider::entry(OSSL_FUNC_PROVIDER_GET_PARAMS, provider::get_params),
        provider::entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider::query),
        OSSL_DISPATCH{0, nullptr},
    };
    *out = dispatch.data();
    *provider_context = &core;
    return core.read != nullptr && core.write != nullptr ? 1 : 0;
}

}  // namespace berth::crypto
