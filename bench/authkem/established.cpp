// Established connections: how fast they carry, and what they keep while they do not.
#include "authkem/flows.h"
#include "crypto/random.h"

#include <benchmark/benchmark.h>

#include <malloc.h>

namespace berth::authkem::bench {
namespace {

// The traffic of one established connection: seal, carry, open.
void transfer(benchmark::State& state) {
    link l(plain_client(), plain_server());
    (void)l.complete();
    const bytes data(static_cast<size_t>(state.range(0)), 1);
    for (auto _ : state) {
        (void)l.client().send(data);
        (void)l.server().receive(l.client().take_output());
        benchmark::DoNotOptimize(l.server().take_received());
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

// Octets that an idle, established connection keeps, by the allocator's own count.
void idle_memory(benchmark::State& state, mode m, bool with_cache) {
    const contexts c = make_contexts(m, scheme::mlkem768, with_cache);
    const manual_clock clock(now);
    constexpr size_t pairs = 200;
    size_t client_octets = 0;
    size_t server_octets = 0;
    for (auto _ : state) {
        std::vector<std::unique_ptr<connection>> clients;
        std::vector<std::unique_ptr<connection>> servers;
        const size_t before = mallinfo2().uordblks;
        for (size_t i = 0; i < pairs; ++i) {
            clients.push_back(std::make_unique<connection>(c.client, clock, crypto::system_random()));
            servers.push_back(std::make_unique<connection>(c.server, clock, crypto::system_random()));
            (void)run_handshake(*clients.back(), *servers.back());
        }
        const size_t with_both = mallinfo2().uordblks;
        servers.clear();
        const size_t with_clients = mallinfo2().uordblks;
        server_octets = with_both - with_clients;
        client_octets = with_clients - before;
    }
    state.counters["kB_per_server"] = static_cast<double>(server_octets) / pairs / 1000;
    state.counters["kB_per_client"] = static_cast<double>(client_octets) / pairs / 1000;
}

BENCHMARK(transfer)->Arg(100)->Arg(16384)->Arg(1000000);
BENCHMARK_CAPTURE(idle_memory, mutual, mode::mutual, uncached)->Iterations(1);
BENCHMARK_CAPTURE(idle_memory, mutual_cached, mode::mutual, cached)->Iterations(1);
BENCHMARK_CAPTURE(idle_memory, pdk_mutual, mode::pdk_mutual, uncached)->Iterations(1);

}  // namespace
}  // namespace berth::authkem::bench
