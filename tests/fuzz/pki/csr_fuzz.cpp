#include "pki/csr.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    (void)berth::pki::verified_csr::parse({data, size});
    return 0;
}
