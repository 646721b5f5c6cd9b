// Strict JSON, base64 and PEM: no crash, and what is accepted reads again as its value.
#include "wire/base64.h"
#include "wire/json.h"
#include "wire/pem.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace {

namespace json = berth::wire::json;

// Equal; of two fractions, as near as Boost.JSON 1.81 reads them.
bool same_value(const json::value& a, const json::value& b) {
    if (a.is_double() && b.is_double()) {
        const double x = a.get_double();
        const double y = b.get_double();
        return x == y || std::abs(x - y) <= 4 * std::numeric_limits<double>::epsilon() * std::abs(x);
    }
    if (a.is_array() && b.is_array()) {
        return std::ranges::equal(a.get_array(), b.get_array(), same_value);
    }
    if (a.is_object() && b.is_object()) {
        return std::ranges::equal(a.get_object(), b.get_object(), [](const auto& one, const auto& other) {
            return one.key() == other.key() && same_value(one.value(), other.value());
        });
    }
    return a == b;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto value = wire::parse_json(text)) {
        const auto again = wire::parse_json(wire::to_text(*value));
        if (!again || !same_value(*again, *value)) {
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
