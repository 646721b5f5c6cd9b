// Public and private keys: what parses encodes to the same octets (public) or to something that parses again (private).
#include "crypto/kem.h"
#include "crypto/sign.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    const bytes_view der(data, size);
    if (const auto key = crypto::kem_public_key::from_spki(der); key && !same_octets(key->spki(), der)) {
        std::abort();
    }
    if (const auto key = crypto::verification_key::from_spki(der); key && !same_octets(key->spki(), der)) {
        std::abort();
    }
    const auto reparses = [](const auto& key, auto parse) {
        const auto again = key.to_pkcs8();
        return !again || parse(again->reveal()).has_value();
    };
    if (const auto key = crypto::kem_private_key::from_pkcs8(der); key && !reparses(*key, crypto::kem_private_key::from_pkcs8)) {
        std::abort();
    }
    if (const auto key = crypto::signing_key::from_pkcs8(der); key && !reparses(*key, crypto::signing_key::from_pkcs8)) {
        std::abort();
    }
    return 0;
}
