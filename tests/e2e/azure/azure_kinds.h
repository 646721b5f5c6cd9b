// The two worlds in which Azure's SDKs are run: ECDSA on Node 20, and nothing but post-quantum cryptography on Node 24.
#pragma once

#include "azure_js.h"

#include <array>

namespace berth::test {

struct azure_kind {
    const char* name;
    node_version node;
    bool post_quantum;
};
inline void PrintTo(const azure_kind& one, std::ostream* out) {
    *out << one.name;
}
inline constexpr azure_kind by_ecdsa{"Ecdsa", node_20, false}, by_post_quantum{"PostQuantum", node_24, true};
inline constexpr std::array azure_kinds{by_ecdsa, by_post_quantum};

// For INSTANTIATE_TEST_SUITE_P.
inline constexpr auto name_of_kind = [](const auto& one) { return std::string(one.param.name); };

}  // namespace berth::test
