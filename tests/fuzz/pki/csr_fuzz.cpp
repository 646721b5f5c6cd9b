// Requests: whatever is proved is also read without proof, and says the same; every wish of it is bounded.
#include "pki/kem_csr.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    const bytes_view der(data, size);
    const auto asks = pki::parse_csr_contents(der);
    const auto csr = pki::verified_csr::parse(der);
    if (csr && (!asks || asks->subject_der != csr->asks().subject_der || asks->spki != csr->asks().spki ||
                asks->other_extensions != csr->asks().other_extensions)) {
        std::abort();
    }
    if (asks && ((asks->key_usage && *asks->key_usage == 0) || asks->name.attributes.size() > size)) {
        std::abort();
    }
    // Nobody is trusted: no statement of possession is accepted.
    static const pki::trust_store nobody = *pki::trust_store::build({});
    if (pki::verified_kem_csr::parse(der, {nobody, {}, {}})) {
        std::abort();
    }
    return 0;
}
