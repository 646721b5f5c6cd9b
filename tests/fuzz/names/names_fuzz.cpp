// The short texts that name things: addresses (also a MASA's `located`), key URIs, hexadecimal. What is read, written and read
// again is the same.
#include "keystore/key_uri.h"
#include "net/address.h"

#include <cstdlib>

namespace {

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto at = net::parse_address(text)) {
        const auto again = net::parse_address(at->text());
        require(again && again->host == at->host && again->port == at->port);
    }
    if (const auto uri = keystore::parse_key_uri(text)) {
        const auto again = keystore::parse_key_uri(uri->text());
        require(again && again->kind == uri->kind && again->rest == uri->rest);
    }
    if (const auto octets = from_hex(text)) {
        require(octets->size() * 2 == size && from_hex(to_hex(*octets)).value_or(bytes{1}) == *octets);
    }
    return 0;
}
