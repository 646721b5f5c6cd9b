#include "hub/world.h"

#include "common/files.h"
#include "crypto/random.h"
#include "pki/issue.h"
#include "pki/private_key_file.h"
#include "pki/profiles.h"
#include "registry/hub/ca_office.h"
#include "setup/hub.h"

#include <csignal>
#include <ctime>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace berth::hub::bench {

namespace fs = std::filesystem;

namespace {

constexpr const char* maker = "Birch";

crypto::signing_key make_key() {
    return crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random());
}

pki::validity these_days() {
    const unix_seconds now = system_clock().now();
    return {now - 3'600, now + unix_seconds{7} * 24 * 3'600};
}

pki::certificate make_root(const char* name, const crypto::signing_key& key) {
    return got(pki::issue_self_signed(pki::root_template(maker, name, these_days()), key, crypto::system_random()));
}

pki::certificate make_below(const pki::certificate_template& what, const crypto::signing_key& key, const pki::certificate& by,
                            const crypto::signing_key& by_key) {
    return got(pki::issue(what, key.public_key().spki(), by, by_key, crypto::system_random()));
}

// The server's chain and key in files; its root.
pki::certificate make_server(const fs::path& in) {
    const auto root_key = make_key(), key = make_key();
    auto root = make_root("Servers", root_key);
    const auto leaf = make_below(pki::server_template(maker, {"localhost"}, these_days()), key, root, root_key);
    must(app::write_text(in / "server.pem", leaf.to_pem()));
    must(pki::save_private_key((in / "server.key").string(), key));
    return root;
}

void sql(sqlite3* db, const std::string& text) {
    char* why = nullptr;
    if (sqlite3_exec(db, text.c_str(), nullptr, nullptr, &why) != SQLITE_OK) {
        must(fail(error_category::environment, "bench_failed", why != nullptr ? why : "SQLite"));
    }
}

}  // namespace

std::string device_name(size_t place) {
    return fmt::format("dev-{:08}", place);
}

world::world()
    : directory_(got(app::make_temporary_directory("berth-bench-hub"))),
      root_key_(make_key()),
      line_key_(make_key()),
      device_key_(make_key()),
      root(make_root("Fleet", root_key_)),
      line(make_below(pki::issuing_ca_template(maker, "Fleet, line 1", these_days()), line_key_, root, root_key_)),
      server_root(make_server(directory_)),
      client(make_client(device_key_, line, server_root)) {
    must(app::write_text(file("fleet.pem"), root.to_pem()));
    if (!client) {
        must(fail(error_category::environment, "bench_failed", "libssl refuses the client's configuration"));
    }
}

world::~world() {
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
}

fs::path world::make_hub(const std::string& name, size_t rows) const {
    const fs::path out = directory_ / name;
    must(app::hub_init(out));
    {
        const unix_seconds now = system_clock().now();
        auto store = got(app::open_hub_store(out));
        auto& random = crypto::system_random();
        const auto begun = got(registry::register_ca(*store, "fleet", as_bytes(root.to_pem()), random, now));
        const auto proof = got(registry::make_proof(begun.certificate, root_key_, begun.code, random, now));
        (void)got(registry::prove_ca(*store, "fleet", as_bytes(proof.to_pem()), now));
    }
    if (rows == 0) {
        return out;
    }
    sqlite3* db = nullptr;
    if (sqlite3_open((out / "hub.db").c_str(), &db) != SQLITE_OK) {
        must(fail(error_category::environment, "bench_failed", "hub.db cannot be opened"));
    }
    // Nobody else reads it yet, and it is thrown away when this program ends.
    sql(db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF");
    sql(db, fmt::format(R"(BEGIN;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {0} - 1)
INSERT INTO identity (device, generation, version, enabled, login, created, status_changed)
SELECT printf('dev-%08d', i * {1}), random() & 0x7fffffffffffffff, 1, 1, 'certificateAuthority', {2}, {2} FROM n;
UPDATE tally SET value = {0} WHERE name = 'devices';
COMMIT; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL)",
                        rows, most_rows / rows, system_clock().now()));
    sqlite3_close(db);
    return out;
}

std::vector<std::string> world::names_in(size_t rows, size_t count) const {
    std::vector<std::string> out;
    for (size_t i = 0; i < count; ++i) {
        out.push_back(device_name(i * (rows / count) * (most_rows / rows)));
    }
    return out;
}

pki::certificate world::certify(const std::string& name) const {
    return make_below(pki::client_template(maker, name, these_days()), device_key_, line, line_key_);
}

std::vector<pki::certificate> world::certify(const std::vector<std::string>& names) const {
    std::vector<pki::certificate> out;
    std::ranges::transform(names, std::back_inserter(out), [this](const std::string& name) { return certify(name); });
    return out;
}

double processor_seconds(pid_t process) {
    clockid_t its{};
    timespec t{};
    if (clock_getcpuclockid(process, &its) != 0 || clock_gettime(its, &t) != 0) {
        must(fail(error_category::environment, "bench_failed", "a server has ended"));
    }
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

namespace {

// "VmRSS:", "VmHWM:"; 0: it has ended.
size_t status_kilobytes(pid_t process, std::string_view member) {
    std::ifstream in(fmt::format("/proc/{}/status", process));
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(member)) {
            return std::stoul(line.substr(member.size()));
        }
    }
    return 0;
}

}  // namespace

size_t resident_kilobytes(pid_t process) {
    return status_kilobytes(process, "VmRSS:");
}

run_of run(const fs::path& program, const std::vector<std::string>& arguments) {
    std::vector<std::string> text{program.string()};
    text.insert(text.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    std::ranges::transform(text, std::back_inserter(argv), [](std::string& one) { return one.data(); });
    argv.push_back(nullptr);
    const auto began = std::chrono::steady_clock::now();
    const pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int nowhere = ::open("/dev/null", O_WRONLY);
        dup2(nowhere, STDOUT_FILENO);
        execv(program.c_str(), argv.data());
        _exit(127);
    }
    int status = 0;
    rusage used{};
    pid_t ended = 0;
    size_t peak = 0;
    // What wait4() tells of memory has in it what this program had when it forked.
    while (pid > 0 && (ended = wait4(pid, &status, WNOHANG, &used)) == 0) {
        peak = std::max(peak, status_kilobytes(pid, "VmHWM:"));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    if (ended != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        must(fail(error_category::environment, "bench_failed", program.string() + " has failed"));
    }
    const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
    return {std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(),
            seconds(used.ru_utime) + seconds(used.ru_stime), peak};
}

size_t octets_of(const fs::path& database) {
    size_t out = 0;
    for (const char* end : {"", "-wal"}) {
        std::error_code none;
        const auto size = fs::file_size(database.string() + end, none);
        out += none ? 0 : size;
    }
    return out;
}

}  // namespace berth::hub::bench
