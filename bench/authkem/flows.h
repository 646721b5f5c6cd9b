// The flows that are measured, and the endpoints that play them.
#pragma once

#include "unit/authkem/support.h"

namespace berth::authkem::bench {

using namespace test;

enum class mode : uint8_t { server_only, mutual, pdk, pdk_mutual };
inline constexpr bool cached = true;
inline constexpr bool uncached = false;

constexpr bool predistributed(mode m) {
    return m == mode::pdk || m == mode::pdk_mutual;
}
constexpr bool both_sides(mode m) {
    return m == mode::mutual || m == mode::pdk_mutual;
}

struct contexts {
    std::shared_ptr<const client_context> client;
    std::shared_ptr<const server_context> server;
};

// With `with_cache`, each side keeps the leaves that it has verified.
contexts make_contexts(mode m, scheme s, bool with_cache);

// Carries flights until nothing moves; the octets that crossed, or nothing when an endpoint did not complete.
std::optional<size_t> run_handshake(connection& client, connection& server);

}  // namespace berth::authkem::bench
