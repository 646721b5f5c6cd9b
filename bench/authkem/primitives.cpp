// The bare cryptography of each measured handshake, both ends, in protocol order: no state machine, no parser of
// messages, no I/O. What the engine adds to this is the difference that the ratios show.
#include "authkem/flows.h"
#include "crypto/hkdf.h"
#include "crypto/hpke.h"
#include "crypto/random.h"
#include "crypto/x25519_mlkem768.h"

#include <benchmark/benchmark.h>

namespace berth::authkem::bench {
namespace {

// The verification of one chain as a peer sends it, from DER on.
void verify_leaf(const credential& shown, const pki::trust_store& trust, bool with_cache) {
    if (with_cache) {
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
void primitives(benchmark::State& state, mode m, scheme s, bool with_cache) {
    const pki::trust_store trust = root().trust();
    random_source& random = crypto::system_random();
    const bool early = predistributed(m);
    const bool both = both_sides(m);
    const size_t certificate = server_credential(s).chain.front().der().size() + 13;
    const size_t encapsulation = crypto::sizes_of(s).encapsulation + 7;
    std::vector<bytes> messages{bytes(1347), bytes(1178), bytes(11), bytes(encapsulation), bytes(52), bytes(52)};
    if (!early) {
        messages.emplace_back(certificate);
    }
    if (both) {
        messages.emplace_back(certificate);
        messages.emplace_back(encapsulation);
    }
    // Handshake and application; authenticated handshake, or the early Certificate's.
    const size_t traffic_secrets = !early ? 6 : both ? 5 : 4;
    for (auto _ : state) {
        const auto share = crypto::x25519mlkem768_client::generate(random);
        if (early) {
            authenticate(server_credential(s), random);
        }
        const auto response = crypto::x25519mlkem768_respond(share.share(), random).value();
        benchmark::DoNotOptimize(share.finish(response.share).value());
        if (!early) {
            verify_leaf(server_credential(s), trust, with_cache);
            authenticate(server_credential(s), random);
        }
        if (both) {
            verify_leaf(client_credential(s), trust, with_cache);
            authenticate(client_credential(s), random);
        }
        for (int end = 0; end < 2; ++end) {
            symmetric(messages, traffic_secrets, early ? 3 : 5);
        }
    }
    state.SetItemsProcessed(state.iterations());
}

BENCHMARK_CAPTURE(primitives, server_only, mode::server_only, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(primitives, mutual, mode::mutual, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(primitives, mutual_p256, mode::mutual, scheme::mlkem768_p256, uncached);
BENCHMARK_CAPTURE(primitives, pdk, mode::pdk, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(primitives, pdk_mutual, mode::pdk_mutual, scheme::mlkem768, uncached);
BENCHMARK_CAPTURE(primitives, mutual_cached, mode::mutual, scheme::mlkem768, cached);
BENCHMARK_CAPTURE(primitives, pdk_mutual_cached, mode::pdk_mutual, scheme::mlkem768, cached);

}  // namespace
}  // namespace berth::authkem::bench
