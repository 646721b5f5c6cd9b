// Key URIs: what is accepted is read again as the same from its own text.
#include "keystore/key_uri.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    const auto uri = keystore::parse_key_uri(std::string_view(reinterpret_cast<const char*>(data), size));
    if (!uri) {
        return 0;
    }
    const auto again = keystore::parse_key_uri(uri->text());
    if (!again || again->kind != uri->kind || again->rest != uri->rest) {
        std::abort();
    }
    return 0;
}
