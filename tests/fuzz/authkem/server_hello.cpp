// ServerHello as a client parses it; the first octet says what the client had offered.
#include "authkem/server_hello.h"

using namespace berth;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) {
        return 0;
    }
    using authkem::extension_type;
    authkem::offered_extensions offered;
    offered.add(extension_type::supported_versions);
    offered.add(extension_type::key_share);
    if ((data[0] & 1) != 0) {
        offered.add(extension_type::stored_auth_key);
    }
    if ((data[0] & 2) != 0) {
        offered.add(extension_type::early_auth);
    }
    const std::vector<authkem::cipher_suite> suites(authkem::all_cipher_suites.begin(), authkem::all_cipher_suites.end());
    const auto parsed = authkem::parse_server_hello({data + 1, size - 1}, offered, suites);
    if (parsed && ((parsed->pdk_accepted && (data[0] & 1) == 0) || (parsed->early_auth && !parsed->pdk_accepted))) {
        __builtin_trap();
    }
    return 0;
}
