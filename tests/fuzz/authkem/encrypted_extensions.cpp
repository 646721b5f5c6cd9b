// EncryptedExtensions as a client parses it.
#include "authkem/encrypted_extensions.h"

using namespace berth;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using authkem::extension_type;
    authkem::offered_extensions offered;
    for (const auto type :
         {extension_type::server_name, extension_type::supported_groups, extension_type::alpn, extension_type::authkem_profile}) {
        offered.add(type);
    }
    const auto parsed = authkem::parse_encrypted_extensions({data, size}, offered, {"one", "two"}, false);
    if (parsed && !parsed->alpn.empty() && parsed->alpn != "one" && parsed->alpn != "two") {
        __builtin_trap();
    }
    return 0;
}
