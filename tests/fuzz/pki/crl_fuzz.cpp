// Whatever parses as a revocation list is itself again and finds each of its entries.
#include "pki/crl.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    const bytes_view der(data, size);
    const auto list = pki::crl::parse(der);
    if (!list) {
        return 0;
    }
    if (!same_octets(list->der(), der)) {
        std::abort();
    }
    for (const auto& entry : list->revoked()) {
        if (!list->find(entry.serial)) {
            std::abort();
        }
    }
    return 0;
}
