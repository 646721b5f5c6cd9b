// A maker of firmware with its keys and repositories, nginx before them, and devices.
#pragma once

#include "common/files.h"
#include "support/free_port.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"
#include "support/spawn.h"

#include <csignal>
#include <fstream>
#include <thread>

namespace berth::test {

namespace fs = std::filesystem;

inline void write_file(const fs::path& path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
}
inline std::string text_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
// Octets that do not compress, the same for each seed.
inline std::string made_up(unsigned seed, size_t size) {
    std::string out(size, '\0');
    uint64_t x = seed * 0x9e3779b97f4a7c15ULL + 1;
    for (auto& c : out) {
        x ^= x << 13U, x ^= x >> 7U, x ^= x << 17U;
        c = static_cast<char>(x);
    }
    return out;
}

class Shop : public testing::Test {
protected:
    static void SetUpTestSuite() {
        directory = std::make_unique<temporary_directory>();
        fs::create_directories(at("www"));
        for (const auto& [name, alg] : {std::pair("alice", "ML-DSA-65"), std::pair("bob", "ML-DSA-65"),
                                        std::pair("bob-es", "ES256"), std::pair("online", "ML-DSA-44")}) {
            make_key(name, alg);
        }
        make_root();
        openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 365 -subj '/CN=Web "
            "Root' -addext keyUsage=critical,keyCertSign,cRLSign");
        openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.pem -days 30 -subj "
            "'/CN=localhost' -CA ca.pem -CAkey ca.key -addext subjectAltName=DNS:localhost -addext extendedKeyUsage=serverAuth "
            "-addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature");
        port = free_port();
        tls_port = free_port();
        write_file(at("nginx.conf"), nginx_conf());
        start_nginx();
    }
    static void TearDownTestSuite() {
        stop_nginx();
        directory.reset();
    }

    static std::string at(const std::string& name) { return (directory->path() / name).string(); }
    static void openssl(const std::string& words) {
        const auto done =
            run_program("/bin/sh", {"-c", "cd " + directory->path().string() + " && " BERTH_OPENSSL_COMMAND " " + words});
        ASSERT_EQ(done.exit, 0) << words << "\n" << done.all();
    }
    static void start_nginx() {
        nginx = spawn({"/usr/sbin/nginx", "-c", at("nginx.conf"), "-p", directory->path().string(), "-e", at("error.log")},
                      at("nginx.log"));
        ASSERT_GT(nginx, 0);
        for (int i = 0; i < 400 && run_program("/usr/bin/curl", {"-s", fmt::format("http://127.0.0.1:{}/alive", port)}).exit != 0;
             ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    }
    static void stop_nginx(int signal = SIGTERM) {
        if (nginx > 0) {
            ::kill(nginx, signal);
            exit_of(std::exchange(nginx, -1));
        }
    }
    static std::string nginx_conf() {
        return fmt::format(
            "daemon off;\nmaster_process off;\npid {0}/nginx.pid;\nuser root;\nerror_log {0}/error.log;\nevents {{ }}\n"
            "http {{\n access_log off;\n client_body_temp_path {0}/t1; proxy_temp_path {0}/t2; fastcgi_temp_path {0}/t3;\n"
            " uwsgi_temp_path {0}/t4; scgi_temp_path {0}/t5;\n"
            " server {{\n  listen 127.0.0.1:{1};\n  listen 127.0.0.1:{2} ssl;\n  ssl_certificate server.pem;\n"
            "  ssl_certificate_key server.key;\n  ssl_protocols TLSv1.3;\n  root {0}/www;\n"
            "  location /alive {{ return 204; }}\n"
            "  location ~ ^/looping/([^/]+)/images/ {{ return 302 $request_uri; }}\n"
            "  location ~ ^/broken/([^/]+)/images/ {{ return 500; }}\n"
            "  location ~ ^/moved/(.*)$ {{ return 307 /$1; }}\n"
            "  location ~ ^/(looping|broken)/(.*)$ {{ alias {0}/www/$2; }}\n"
            "  location ~ ^/slow/(.*)$ {{ alias {0}/www/$1; limit_rate 40k; }}\n"
            "  location ~ ^/whole/(.*)$ {{ alias {0}/www/$1; max_ranges 0; }}\n"
            " }}\n}}\n",
            directory->path().string(), port, tls_port);
    }

    static void done(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "--json");
        const auto d = run_program("berth", arguments, 120'000);
        ASSERT_EQ(d.exit, 0) << testing::PrintToString(arguments) << "\n" << d.all();
    }
    static void make_key(const std::string& name, const std::string& alg) {
        done({"jose", "generate", "--alg", alg, "--out", at(name + ".jwk")});
        done({"jose", "public", "--key", at(name + ".jwk"), "--out", at(name + ".pub")});
    }
    // Alice or Bob for roots, both for releases, online for lists; Bob has two keys.
    static void make_root() {
        done({"firmware", "root", "init", "--repository", "gw", "--signer", "alice=" + at("alice.pub"), "--signer",
              "bob=" + at("bob.pub") + "," + at("bob-es.pub"), "--signer", "online=" + at("online.pub"), "--root", "alice,bob:1",
              "--release", "alice,bob", "--list", "online", "--out", at("root.json")});
        done({"firmware", "sign", "--in", at("root.json"), "--key", at("alice.jwk")});
    }
    static std::vector<std::string> release_keys() { return {at("alice.jwk"), at("bob.jwk"), at("bob-es.jwk")}; }

    // A package of seq with these components, "id=content"; signed. Its directory.
    static std::string package(const std::string& name, unsigned seq,
                               const std::vector<std::pair<std::string, std::string>>& components,
                               const std::vector<std::string>& more = {}) {
        const auto out = at(name);
        std::vector<std::string> arguments{
            "firmware",          "pack",      "--repository",           "gw",    "--vendor", "Acme", "--class", "gw-1", "--seq",
            std::to_string(seq), "--release", fmt::format("1.{}", seq), "--out", out};
        for (const auto& [id, content] : components) {
            write_file(at(name + "." + id), content);
            arguments.insert(arguments.end(), {"--component", id + "=" + at(name + "." + id)});
        }
        arguments.insert(arguments.end(), more.begin(), more.end());
        done(arguments);
        std::vector<std::string> signing{"firmware", "sign", "--in", out};
        for (const auto& key : release_keys()) {
            signing.insert(signing.end(), {"--key", key});
        }
        done(signing);
        return out;
    }
    static program_result try_publish(const std::string& repository, const std::vector<std::string>& more) {
        std::vector<std::string> arguments{"--json",     "firmware",      "publish", "--into", at("www/" + repository),
                                           "--list-key", at("online.jwk")};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return run_program("berth", arguments, 120'000);
    }
    static void publish(const std::string& repository, const std::vector<std::string>& packages, bool first = false) {
        std::vector<std::string> more;
        if (first) {
            more = {"--root", at("root.json")};
        }
        for (const auto& p : packages) {
            more.insert(more.end(), {"--package", p});
        }
        const auto d = try_publish(repository, more);
        ASSERT_EQ(d.exit, 0) << d.all();
    }
    static std::string url(const std::string& path) { return fmt::format("http://127.0.0.1:{}/{}", port, path); }

    // One device, whose boot loader is `berth firmware boot`.
    struct device {
        std::string state, slots;
        explicit device(const std::string& name) : state(at(name + ".state")), slots(at(name + ".slots")) {}

        [[nodiscard]] std::vector<std::string> words(const std::string& repository,
                                                     const std::vector<std::string>& more = {}) const {
            std::vector<std::string> out{"--json",        "firmware", "install", "--repository", repository, "--root",
                                         at("root.json"), "--vendor", "Acme",    "--class",      "gw-1",     "--state",
                                         state,           "--slots",  slots,     "--piece",      "65536"};
            out.insert(out.end(), more.begin(), more.end());
            return out;
        }
        [[nodiscard]] program_result install(const std::string& repository, const std::vector<std::string>& more = {}) const {
            return run_program("berth", words(repository, more), 120'000);
        }
        [[nodiscard]] program_result ask(const std::string& word) const {
            return run_program("berth", {"--json", "firmware", word, "--state", state, "--slots", slots});
        }
        [[nodiscard]] std::string status(const char* member) const {
            const auto said = ask("status").json();
            const auto* const value = said.if_contains(member);
            return value == nullptr ? "none" : value->is_string() ? std::string(value->get_string()) : wire::to_text(*value);
        }
        [[nodiscard]] std::string boot() const {
            const auto said = run_program("berth", {"--json", "firmware", "boot", "--slots", slots}).json();
            return said.contains("slot") ? std::string(said.at("slot").as_string()) : "none";
        }
        [[nodiscard]] std::string content(const std::string& slot, const std::string& component) const {
            return text_of(fs::path(slots) / slot / component);
        }
    };
    // The name of the last line's error; empty: none.
    static std::string refusal(const program_result& r) {
        if (r.output.empty()) {
            return "nothing was said: " + r.all();
        }
        const auto last = wire::parse_json_object(r.output.back());
        const auto* const e = last ? last->if_contains("error") : nullptr;
        return e != nullptr ? std::string(e->as_object().at("name").as_string()) : "";
    }
    static bool has_event(const program_result& r, std::string_view event) {
        return std::ranges::any_of(r.output, [&](const std::string& line) {
            const auto o = wire::parse_json_object(line);
            const auto* const e = o ? o->if_contains("event") : nullptr;
            return e != nullptr && e->is_string() && e->get_string() == event;
        });
    }

    static inline std::unique_ptr<temporary_directory> directory;
    static inline uint16_t port = 0, tls_port = 0;
    static inline pid_t nginx = -1;
};

}  // namespace berth::test
