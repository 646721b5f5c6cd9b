// Handshakes per second of one thread that plays both ends, beside the bare cryptography of the same handshakes in the
// same order: what the engine adds is the difference.
#include "crypto/hkdf.h"
#include "crypto/hpke.h"
#include "crypto/random.h"
#include "crypto/x25519_mlkem768.h"
#include "unit/authkem/support.h"

#include <benchmark/benchmark.h>

#include <malloc.h>

namespace berth::authkem::test {
namespace {

enum class mode : uint8_t { server_only, mutual, pdk, pdk_mutual };

struct contexts {
    std::shared_ptr<const client_context> client;
    std::shared_ptr<const server_context> server;
};

contexts make_contexts(mode m, scheme s, bool cached) {
    client_config client = plain_client();
    server_config server = plain_server(s);
    if (m == mode::mutual || m == mode::pdk_mutual) {
        make_mutual(client, server, s);
    }
    if (m == mode::pdk || m == mode::pdk_mutual) {
        predistribute(client, server, m == mode::pdk_mutual);
    }
    if (cached) {
        client.server.cache = std::make_shared<verified_leaf_cache>(16);
        server.client.cache = std::make_shared<verified_leaf_cache>(16);
    }
    return {client_context::make(std::move(client)).value(), server_context::make(std::move(server)).value()};
}

void handshake(benchmark::State& state, mode m, scheme s, bool cached) {
    const contexts c = make_contexts(m, s, cached);
    const manual_clock clock(now);
    for (auto _ : state) {
        connection client(c.client, clock, crypto::system_random());
        connection server(c.server, clock, crypto::system_random());
        (void)client.start();
        while (client.has_output() || server.has_output()) {
            (void)server.receive(client.take_output());
            (void)client.receive(server.take_output());
        }
        if (!client.completed() || !server.completed()) {
            state.SkipWithError("the handshake failed");
            return;
        }
    }
    state.SetItemsProcessed(state.iterations());
}

// The verification of one chain as a peer sends it, from DER on.
void verify_leaf(const credential& shown, const pki::trust_store& trust, bool cached) {
    if (cached) {
        bytes all;
        for (const pki::certificate& c : shown.chain) {
            append(all, c.der());
        }
        benchmark::DoNotOptimize(crypto::sha256(all));
        return;
    }
    std::vector<pki::certificate> chain;
    for (const pki::certificate& c : shown.chain) {
        chain.push_back(pki::certificate::parse(c.der()).value());
    }
    benchmark::DoNotOptimize(pki::verify_chain(trust, chain, {.time = pki::validity_instants::at(now)}).value());
    benchmark::DoNotOptimize(chain.front().kem_key().value());
}

// One certificate or pre-distributed key: encapsulation by one end, decapsulation by the other.
void authenticate(const credential& own, random_source& random) {
    const auto info = as_bytes("tls13 auth-kem");
    const auto context = as_bytes("server authentication");
    const auto sent = crypto::hpke_send_export(own.key->public_key(), info, context, 48, random);
    const auto shared = own.key->decapsulate(sent.enc).value();
    benchmark::DoNotOptimize(crypto::hpke_receive_export(own.key->algorithm(), shared.reveal(), info, context, 48));
}

// What one endpoint hashes, derives and protects, with the messages of that handshake.
void symmetric(const std::vector<bytes>& messages, size_t traffic_secrets, size_t transcript_hashes) {
    using crypto::hash_algorithm;
    static const bytes secret(48, 1);
    crypto::hasher transcript(hash_algorithm::sha384);
    size_t looks = 0;
    const std::array<uint8_t, crypto::aead_nonce_size> nonce{};
    const auto label = [](std::string_view name, size_t length) {
        return crypto::hkdf_expand_label(hash_algorithm::sha384, secret, name, secret, length);
    };
    std::optional<crypto::aead_key> seal;
    bytes sealed;
    // Full: HS, AHS, MS; predistributed: ES, HS, MS. Two of them follow upon a "derived".
    for (int stage = 0; stage < 3; ++stage) {
        benchmark::DoNotOptimize(crypto::hkdf_extract(hash_algorithm::sha384, secret, secret));
        if (stage > 0) {
            benchmark::DoNotOptimize(label("derived", 48));
        }
    }
    for (size_t i = 0; i < traffic_secrets; ++i) {
        benchmark::DoNotOptimize(label("c hs traffic", 48));
        const secret_bytes key = label("key", 32);
        benchmark::DoNotOptimize(label("iv", 12));
        seal.emplace(crypto::aead_algorithm::aes256gcm, key.reveal(), crypto::aead_key::use::seal);
    }
    // Finished keys, Finished messages, exporter.
    for (int side = 0; side < 2; ++side) {
        benchmark::DoNotOptimize(label("client finished", 48));
        benchmark::DoNotOptimize(crypto::hmac(hash_algorithm::sha384, secret, secret));
    }
    benchmark::DoNotOptimize(label("exp master", 48));
    for (const bytes& message : messages) {
        transcript.update(message);
        if (looks++ < transcript_hashes) {
            benchmark::DoNotOptimize(transcript.peek());
        }
        sealed = seal->seal(nonce, nonce, message);
    }
}

// Everything that both ends must compute for one handshake, one call after the other, and nothing else.
void primitives(benchmark::State& state, mode m, scheme s, bool cached) {
    const pki::trust_store trust = root().trust();
    random_source& random = crypto::system_random();
    const bool predistributed = m == mode::pdk || m == mode::pdk_mutual;
    const bool both = m == mode::mutual || m == mode::pdk_mutual;
    const size_t certificate = server_credential(s).chain.front().der().size() + 13;
    const size_t encapsulation = crypto::sizes_of(s).encapsulation + 7;
    std::vector<bytes> messages{bytes(1347), bytes(1178), bytes(11), bytes(encapsulation), bytes(52), bytes(52)};
    if (!predistributed) {
        messages.emplace_back(certificate);
    }
    if (both) {
        messages.emplace_back(certificate);
        messages.emplace_back(encapsulation);
    }
    // Handshake and application; authenticated handshake, or the early Certificate's.
    const size_t traffic_secrets = !predistributed ? 6 : both ? 5 : 4;
    for (auto _ : state) {
        const auto share = crypto::x25519mlkem768_client::generate(random);
        if (predistributed) {
            authenticate(server_credential(s), random);
        }
        const auto response = crypto::x25519mlkem768_respond(share.share(), random).value();
        benchmark::DoNotOptimize(share.finish(response.share).value());
        if (!predistributed) {
            verify_leaf(server_credential(s), trust, cached);
            authenticate(server_credential(s), random);
        }
        if (both) {
            verify_leaf(client_credential(s), trust, cached);
            authenticate(client_credential(s), random);
        }
        for (int end = 0; end < 2; ++end) {
            symmetric(messages, traffic_secrets, predistributed ? 3 : 5);
        }
    }
    state.SetItemsProcessed(state.iterations());
}

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
void idle_memory(benchmark::State& state, mode m, bool cached) {
    const contexts c = make_contexts(m, scheme::mlkem768, cached);
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
            (void)clients.back()->start();
            while (clients.back()->has_output() || servers.back()->has_output()) {
                (void)servers.back()->receive(clients.back()->take_output());
                (void)clients.back()->receive(servers.back()->take_output());
            }
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

constexpr bool cached = true;
constexpr bool uncached = false;

BENCHMARK_CAPTURE(handshake, server_only, mode::server_only, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(primitives, server_only, mode::server_only, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(handshake, mutual, mode::mutual, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(primitives, mutual, mode::mutual, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(handshake, mutual_p256, mode::mutual, scheme::mlkem768_p256, uncached);
BENCHMARK_CAPTURE(primitives, mutual_p256, mode::mutual, scheme::mlkem768_p256, uncached);
BENCHMARK_CAPTURE(handshake, pdk, mode::pdk, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(primitives, pdk, mode::pdk, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(handshake, pdk_mutual, mode::pdk_mutual, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(primitives, pdk_mutual, mode::pdk_mutual, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(handshake, mutual_cached, mode::mutual, scheme::mlkem768, cached);
BENCHMARK_CAPTURE(primitives, mutual_cached, mode::mutual, scheme::mlkem768, cached);
BENCHMARK_CAPTURE(handshake, pdk_mutual_cached, mode::pdk_mutual, scheme::mlkem768, cached);
BENCHMARK_CAPTURE(primitives, pdk_mutual_cached, mode::pdk_mutual, scheme::mlkem768, cached);
BENCHMARK(transfer)->Arg(100)->Arg(16384)->Arg(1000000);
BENCHMARK_CAPTURE(idle_memory, mutual, mode::mutual, uncached)->Iterations(1);
BENCHMARK_CAPTURE(idle_memory, mutual_cached, mode::mutual, cached)->Iterations(1);
BENCHMARK_CAPTURE(idle_memory, pdk_mutual, mode::pdk_mutual, uncached)->Iterations(1);

}  // namespace
}  // namespace berth::authkem::test
