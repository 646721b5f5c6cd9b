// An OCSP query in the path of an address: what is read is what its base64 says, and no more than a query may have.
#include "ca/ocsp_desk.h"
#include "wire/base64.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    const auto query = ca::ocsp_query_in_path(as_text(bytes_view(data, size)));
    if (query &&
        (query->empty() || query->size() > ca::most_ocsp_query || *ca::ocsp_query_in_path(wire::base64(*query)) != *query)) {
        std::abort();
    }
    return 0;
}
