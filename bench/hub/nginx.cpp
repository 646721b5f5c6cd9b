#include "hub/nginx.h"

#include "common/files.h"
#include "common/own_libraries.h"
#include "hub/brokers.h"

#include <thread>

namespace berth::hub::bench {

namespace fs = std::filesystem;

namespace {

constexpr const char* program = "/usr/sbin/nginx";

std::string configuration(const fs::path& at, const world& in, uint16_t port) {
    return fmt::format(
        "daemon off;\nmaster_process off;\npid {0}/pid;\n{1}error_log {0}/log;\nevents {{ }}\n"
        "http {{\n access_log off;\n client_body_temp_path {0}/t1;\n proxy_temp_path {0}/t2;\n fastcgi_temp_path {0}/t3;\n"
        " uwsgi_temp_path {0}/t4;\n scgi_temp_path {0}/t5;\n client_max_body_size 64m;\n"
        " server {{\n  listen 127.0.0.1:{2} ssl;\n  ssl_certificate {3};\n  ssl_certificate_key {4};\n"
        "  ssl_protocols TLSv1.3;\n  ssl_ecdh_curve X25519MLKEM768;\n  ssl_session_tickets off;\n"
        "  location / {{ root {0}/kept; dav_methods PUT; create_full_put_path on; }}\n }}\n}}\n",
        at.string(), ::geteuid() == 0 ? "user root;\n" : "", port, in.file("server.pem").string(),
        in.file("server.key").string());
}

}  // namespace

std::optional<nginx> nginx::start(const world& in) {
    if (!fs::exists(program)) {
        fmt::print("{} is not there: nothing to compare with; scripts/bootstrap installs it\n", program);
        return std::nullopt;
    }
    const auto at = in.file("nginx");
    must(app::make_directory(at, 0700));
    must(app::make_directory(at / "kept", 0700));
    const uint16_t port = free_port();
    must(app::write_text(at / "conf", configuration(at, in, port)));
    std::vector<std::string> environment;
    if (const auto own = app::own_openssl(); !own.empty()) {
        environment.push_back("LD_LIBRARY_PATH=" + own.string());
    }
    auto process =
        start_quietly(program, {"-c", (at / "conf").string(), "-p", at.string(), "-e", (at / "log").string()}, at, environment);
    for (int i = 0; i < 500 && !process.ended(); ++i) {
        if (takes_connections(port)) {
            return nginx(std::move(process), port);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    fmt::print("nginx did not begin, and there is nothing to compare with: {}\n", got(app::read_text(at / "log")));
    return std::nullopt;
}

}  // namespace berth::hub::bench
