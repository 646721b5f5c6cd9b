// Strict JSON, base64 and PEM: no crash, and what is accepted is the one text for its value.
#include "wire/base64.h"
#include "wire/json.h"
#include "wire/pem.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto value = wire::parse_json(text)) {
        const auto again = wire::parse_json(wire::to_text(*value));
        if (!again || wire::to_text(*again) != wire::to_text(*value)) {
            std::abort();
        }
    }
    if (const auto octets = wire::from_base64(text); octets && wire::base64(*octets) != text) {
        std::abort();
    }
    if (const auto octets = wire::from_base64url(text); octets && wire::base64url(*octets) != text) {
        std::abort();
    }
    if (const auto blocks = wire::from_pem(text)) {
        for (const auto& block : *blocks) {
            const auto again = wire::from_pem(wire::to_pem(block.label, block.der.reveal()));
            if (!again || again->size() != 1 || !same_octets(again->front().der.reveal(), block.der.reveal())) {
                std::abort();
            }
        }
    }
    return 0;
}
