// What is read and can be written is read the same again; and a key that is wanted fits at most one of ours of a kind.
#include "pki/csr_attributes.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    const auto wanted = pki::csr_attributes::parse({data, size});
    if (!wanted) {
        return 0;
    }
    (void)wanted->wants_channel_binding();
    if (wanted->key) {
        for (const auto alg : crypto::all_kem_algorithms) {
            (void)pki::fits(*wanted->key, alg);
        }
        for (const auto alg : crypto::all_signature_algorithms) {
            (void)pki::fits(*wanted->key, alg);
        }
    }
    const auto der = wanted->encode();
    if (!der) {
        return 0;  // a name that libcrypto would not write: too long for its attribute, say
    }
    const auto again = pki::csr_attributes::parse(*der);
    if (!again || *again != *wanted) {
        std::abort();
    }
    return 0;
}
