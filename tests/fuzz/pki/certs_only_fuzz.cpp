// A bundle that parses is within its limits, and what was in it makes a bundle with the same again.
#include "pki/certs_only.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    const pki::certs_only_limits limits{64 * 1024, 8, 4};
    const auto bundle = pki::parse_certs_only({data, size}, limits);
    if (!bundle) {
        return 0;
    }
    if (size > limits.octets || bundle->certificates.size() > limits.certificates || bundle->crls.size() > limits.crls) {
        std::abort();
    }
    const auto again = pki::parse_certs_only(pki::build_certs_only(bundle->certificates, bundle->crls));
    if (!again || again->certificates != bundle->certificates || again->crls.size() != bundle->crls.size()) {
        std::abort();
    }
    return 0;
}
