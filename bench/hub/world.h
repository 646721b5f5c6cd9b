// What the parts of this folder measure: certificates (P-256; a root that is registered, a CA below it, devices below that; one
// key for all devices), registries of as many rows as is wanted, and processes whose time and memory are looked at.
#pragma once

#include "hub/client.h"
#include "pki/certificate.h"

#include <filesystem>

namespace berth::hub::bench {

// A benchmark has nobody to tell of an error but who started it.
template <class T>
T got(result<T> r) {
    if (!r) {
        std::fprintf(stderr, "bench_hub: %s [%s]\n", r.error().message.c_str(), r.error().name.c_str());
        std::exit(3);
    }
    return std::move(*r);
}
inline void must(const result<void>& r) {
    if (!r) {
        (void)got(result<int>(fail(r.error())));
    }
}

// The names of a registry's devices lie evenly in these, so that those of a small one are in all larger ones.
inline constexpr size_t most_rows = 10'000'000;
std::string device_name(size_t place);  // below most_rows

class world {
public:
    world();
    ~world();
    world(const world&) = delete;
    world& operator=(const world&) = delete;

    [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
    // A hub of that name with so many devices (a divisor of most_rows), made by SQL; its CA is registered.
    [[nodiscard]] std::filesystem::path make_hub(const std::string& name, size_t rows) const;
    // `count` devices that are in each registry of so many rows or more.
    [[nodiscard]] std::vector<std::string> names_in(size_t rows, size_t count) const;
    [[nodiscard]] pki::certificate certify(const std::string& name) const;
    [[nodiscard]] std::vector<pki::certificate> certify(const std::vector<std::string>& names) const;

private:
    std::filesystem::path directory_;  // is made first
    const crypto::signing_key root_key_, line_key_, device_key_;

public:
    const pki::certificate root, line, server_root;
    const tls_settings client;
    [[nodiscard]] std::filesystem::path file(const std::string& name) const { return directory_ / name; }
};

// Processor time of a process so far, all its threads, in its own code and in the system's, seconds; what it has resident, kB.
double processor_seconds(pid_t process);
size_t resident_kilobytes(pid_t process);

// A program that is run to its end: how long by the clock, its processor time, the most that it had resident.
struct run_of {
    double seconds = 0, cpu = 0;
    size_t peak_kilobytes = 0;
};
run_of run(const std::filesystem::path& program, const std::vector<std::string>& arguments);

// Octets of a database and its companions.
size_t octets_of(const std::filesystem::path& database);

}  // namespace berth::hub::bench
