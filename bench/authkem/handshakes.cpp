// Handshakes of one thread that plays both ends; the octets that they cost.
#include "authkem/flows.h"
#include "crypto/random.h"

#include <benchmark/benchmark.h>

namespace berth::authkem::bench {
namespace {

void handshake(benchmark::State& state, mode m, scheme s, bool with_cache) {
    const contexts c = make_contexts(m, s, with_cache);
    const manual_clock clock(now);
    size_t octets = 0;
    for (auto _ : state) {
        connection client(c.client, clock, crypto::system_random());
        connection server(c.server, clock, crypto::system_random());
        const auto crossed = run_handshake(client, server);
        if (!crossed) {
            state.SkipWithError("the handshake failed");
            return;
        }
        octets = *crossed;
    }
    state.SetItemsProcessed(state.iterations());
    state.counters["octets"] = static_cast<double>(octets);
}

BENCHMARK_CAPTURE(handshake, server_only, mode::server_only, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(handshake, mutual, mode::mutual, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(handshake, mutual_p256, mode::mutual, scheme::mlkem768_p256, uncached);
BENCHMARK_CAPTURE(handshake, pdk, mode::pdk, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(handshake, pdk_mutual, mode::pdk_mutual, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(handshake, mutual_cached, mode::mutual, scheme::mlkem768, cached);
BENCHMARK_CAPTURE(handshake, pdk_mutual_cached, mode::pdk_mutual, scheme::mlkem768, cached);

}  // namespace
}  // namespace berth::authkem::bench
