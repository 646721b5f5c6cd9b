// KEMEncapsulation, Finished, KeyUpdate and alerts; the first octet chooses.
#include "authkem/finished.h"
#include "authkem/kem_encapsulation.h"
#include "authkem/key_update.h"

using namespace berth;

namespace {

void expect_same(const result<bytes>& message, bytes_view body) {
    if (!same_octets(bytes_view(message.value()).subspan(authkem::handshake_header_size), body)) {
        __builtin_trap();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const bytes_view body(data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        if (const auto parsed = authkem::parse_kem_encapsulation(body)) {
            expect_same(authkem::encode_kem_encapsulation(*parsed), body);
        }
        break;
    case 1: (void)authkem::parse_finished(body, crypto::hash_algorithm::sha384); break;
    case 2:
        if (const auto parsed = authkem::parse_key_update(body)) {
            expect_same(authkem::encode_key_update(*parsed), body);
        }
        break;
    default:
        if (const auto parsed = authkem::decode_alert(body)) {
            (void)authkem::name_of(*parsed);
        }
        break;
    }
    return 0;
}
