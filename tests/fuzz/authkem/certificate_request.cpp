// CertificateRequest as a client parses it.
#include "authkem/certificate_request.h"

using namespace berth;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto parsed = authkem::parse_certificate_request({data, size});
    if (parsed && parsed->empty()) {
        __builtin_trap();
    }
    return 0;
}
