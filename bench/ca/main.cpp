// Certificates and OCSP answers, each beside the bare signature of the same run, in alternating turns; then one list with a
// million revoked certificates. It closes with what docs/figures.md quotes.
#include "ca/list_keeper.h"
#include "ca/world.h"
#include "support/turns.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>

namespace {

using namespace berth;
using namespace berth::ca::bench;

constexpr uint64_t in_one_commit = 64;  // what a server that is busy takes in one turn
constexpr size_t tbs_octets = 500;

// Made when it is first asked for, and for all turns.
world& world_of(const algorithm& alg) {
    static std::map<std::string, std::unique_ptr<world>> worlds;
    auto& one = worlds[alg.name];
    if (!one) {
        one = std::make_unique<world>(alg.of);
    }
    return *one;
}

void bare(benchmark::State& state, const algorithm& alg) {
    const auto sign = bare_signature(alg.openssl);
    for (auto _ : state) {
        if (!sign(tbs_octets)) {
            state.SkipWithError("the signature failed");
            return;
        }
    }
}

void unlogged(benchmark::State& state, const algorithm& alg) {
    world& w = world_of(alg);
    uint64_t number = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(w.sign(++number));
    }
}

void logged(benchmark::State& state, const algorithm& alg, uint64_t each) {
    world& w = world_of(alg);
    static uint64_t number = 0;
    uint64_t open = 0;
    for (auto _ : state) {
        if (open == 0) {
            (void)w.records().begin_batch();
        }
        benchmark::DoNotOptimize(w.issue(++number));
        if (++open == each) {
            (void)w.records().end_batch();
            open = 0;
        }
    }
    (void)w.records().end_batch();
}

void answers(benchmark::State& state, const algorithm& alg, bool with_nonce) {
    world& w = world_of(alg);
    auto desk = w.desk();
    const auto leaf = w.sign(1);
    const std::optional<bytes> nonce = with_nonce ? std::optional(bytes(32, 7)) : std::nullopt;
    // Of a certificate that the log has: those that it has not are never kept.
    static std::map<std::string, pki::certificate> known;
    const auto about = known.try_emplace(alg.name, w.issue(UINT64_MAX)).first->second;
    const auto query = pki::build_ocsp_query({{pki::make_ocsp_id(about.serial(), w.issuer().certificate())}, nonce});
    for (auto _ : state) {
        const auto said = desk.serve(*query, w.records(), system_clock());
        if (said.der.size() < 100) {
            state.SkipWithError("no answer");
            return;
        }
    }
}

void print_ratios(const bench::turn_reporter& turns) {
    const auto cpu = [&](const std::string& name) {
        const auto* const found = turns.find(name);
        return found == nullptr ? 0 : bench::median(found->cpu);
    };
    const auto wall = [&](const std::string& name) {
        const auto* const found = turns.find(name);
        return found == nullptr ? 0 : bench::median(found->wall);
    };
    std::printf("\n%-9s %10s | %11s %8s | %11s %8s %12s %13s | %10s %8s %10s\n", "key", "bare, 1/s", "signed, 1/s", "of bare",
                "logged, 1/s", "of bare", "(time, 1/s)", "each kept 1/s", "OCSP, 1/s", "of bare", "kept, 1/s");
    for (const auto& alg : algorithms) {
        const std::string name = alg.name;
        const double base = cpu(name + "/bare");
        const double signed_in = cpu(name + "/unlogged");
        const double in_batches = wall(name + "/logged");
        const double log_cpu = cpu(name + "/logged");
        const double each = wall(name + "/logged each");
        const double nonce = cpu(name + "/ocsp");
        const double kept = cpu(name + "/ocsp kept");
        if (base > 0 && signed_in > 0 && in_batches > 0 && each > 0 && nonce > 0 && kept > 0) {
            std::printf("%-9s %10.0f | %11.0f %8.3f | %11.0f %8.3f %12.0f %13.0f | %10.0f %8.3f %10.0f\n", alg.name, 1 / base,
                        1 / signed_in, base / signed_in, 1 / log_cpu, base / log_cpu, 1 / in_batches, 1 / each, 1 / nonce,
                        base / nonce, 1 / kept);
        }
    }
    std::printf("CPU time of the one thread; logged: 64 certificates in one commit; (time) and each kept in a commit of its own: "
                "time that passes\n");
}

double seconds_of(const std::function<void()>& work) {
    const auto began = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

bool a_million_revoked(uint64_t count) {
    world w(crypto::signature_algorithm::ecdsa_p256_sha256);
    w.revoke_many(count);
    std::optional<pki::crl> list;
    const double built = seconds_of([&] {
        auto made = ca::make_list(w.issuer(), {}, w.records(), system_clock());
        if (made) {
            list = std::move(*made);
        }
    });
    if (!list || list->revoked().size() != count) {
        std::fprintf(stderr, "the list was not made\n");
        return false;
    }
    std::optional<pki::crl> read;
    const double parsed = seconds_of([&] {
        auto again = pki::crl::parse(list->der());
        if (again) {
            read = std::move(*again);
        }
    });
    const double checked = seconds_of([&] { (void)read->check_signature(w.issuer().certificate()); });
    constexpr size_t lookups = 100'000;
    size_t found = 0;
    const double looked = seconds_of([&] {
        for (size_t i = 0; i < lookups; ++i) {
            found += read->find(read->revoked()[(i * 7'919) % count].serial) ? 1U : 0U;
        }
    });
    const double missed = seconds_of([&] {
        bytes serial(16, 0x7f);
        for (size_t i = 0; i < lookups; ++i) {
            serial[i % 16] = static_cast<uint8_t>(i);
            found += read->find(serial) ? 1U : 0U;
        }
    });
    std::printf("\na list with %llu revoked (P-256): built in %.2f s (records read, encoded, signed), %.1f MB; read in %.2f s, "
                "its signature checked in %.3f s; a serial found in %.2f us, none in %.2f us%s\n",
                static_cast<unsigned long long>(count), built, static_cast<double>(list->der().size()) / 1e6, parsed, checked,
                looked / lookups * 1e6, missed / lookups * 1e6, found == lookups ? "" : " (and some were not found)");
    return found == lookups;
}

}  // namespace

int main(int argc, char** argv) {
    // Apart from the others: it takes long, and once is enough.
    uint64_t revoked = 1'000'000;
    int kept = 1;
    for (int i = 1; i < argc; ++i) {
        if (std::strncmp(argv[i], "--revoked=", 10) == 0) {
            revoked = std::strtoull(argv[i] + 10, nullptr, 10);
        } else {
            argv[kept++] = argv[i];
        }
    }
    if (!bench::read_options(kept, argv, 15)) {
        return 2;
    }
    for (const auto& alg : algorithms) {
        const auto add = [&alg](const char* what, auto&& work) {
            benchmark::RegisterBenchmark((std::string(alg.name) + "/" + what).c_str(), work);
        };
        add("bare", [&alg](benchmark::State& s) { bare(s, alg); });
        add("unlogged", [&alg](benchmark::State& s) { unlogged(s, alg); });
        add("logged", [&alg](benchmark::State& s) { logged(s, alg, in_one_commit); });
        add("logged each", [&alg](benchmark::State& s) { logged(s, alg, 1); });
        add("ocsp", [&alg](benchmark::State& s) { answers(s, alg, true); });
        add("ocsp kept", [&alg](benchmark::State& s) { answers(s, alg, false); });
    }
    bench::turn_reporter turns;
    benchmark::RunSpecifiedBenchmarks(&turns);
    print_ratios(turns);
    return revoked == 0 || a_million_revoked(revoked) ? 0 : 1;
}
