// ClientHello as a server parses it.
#include "authkem/client_hello.h"

using namespace berth;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    (void)authkem::parse_client_hello({data, size});
    // What decodes encodes to the same octets.
    if (const auto hello = wire::decode<authkem::client_hello>({data, size})) {
        if (wire::encode(*hello).value() != bytes(data, data + size)) {
            __builtin_trap();
        }
    }
    return 0;
}
