// What the programs of this folder measure: a CA (P-256) with a profile for certificates of today, a server's certificate by it,
// devices that it has certified, and a real berthd with [est] over all of that on loopback, with its records on disk.
#pragma once

#include "common/process.h"
#include "keystore/key.h"
#include "net/address.h"
#include "pki/certificate.h"

#include <cstdio>
#include <cstdlib>

namespace berth::est::bench {

inline constexpr unix_seconds hour = 3'600;

// A benchmark has nobody to tell of an error but who started it.
template <class T>
T got(result<T> r) {
    if (!r) {
        std::fprintf(stderr, "bench_est: %s [%s]\n", r.error().message.c_str(), r.error().name.c_str());
        std::exit(3);
    }
    return std::move(*r);
}
inline void must(const result<void>& r) {
    if (!r) {
        (void)got(result<int>(fail(r.error())));
    }
}

class world {
public:
    // All devices have one key: the server cannot tell.
    explicit world(size_t devices);
    ~world();
    world(const world&) = delete;
    world& operator=(const world&) = delete;

    // A berthd that has served nobody yet; where.
    net::address serve();
    [[nodiscard]] pid_t server() const { return berthd_->pid(); }
    // What it logs is of no interest, and would fill the pipe. Says whether it still runs.
    bool listen();

private:
    std::filesystem::path directory_;  // is made first
    std::optional<app::child_process> berthd_;

public:
    const crypto::signing_key server_key, own_key;
    const keystore::signing_key_ptr device_key;  // own_key
    const std::vector<pki::certificate> issuer;
    const pki::certificate root;
    std::vector<pki::certificate> server_chain, fleet;
};

}  // namespace berth::est::bench
