// Mosquittos: with the plugin, as berthd keeps them, and alone. Both run on our OpenSSL with the same settings; the one alone
// asks for certificates itself (require_certificate, cafile), and knows nobody by name.
#pragma once

#include "common/process.h"
#include "hub/world.h"

namespace berth::hub::bench {

// A program whose words go into files of `in`: nobody has to listen while others are measured.
app::child_process start_quietly(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                                 const std::filesystem::path& in, const std::vector<std::string>& environment);
uint16_t free_port();
bool takes_connections(uint16_t port);

class broker {
public:
    // With the plugin on this hub's directory.
    static broker with_plugin(const world& in, const std::filesystem::path& hub);
    static broker alone(const world& in);

    [[nodiscard]] uint16_t port() const { return port_; }
    [[nodiscard]] pid_t pid() const { return process_.pid(); }
    // From its start until it took connections, seconds.
    [[nodiscard]] double start_took() const { return start_took_; }

private:
    static broker start(const world& in, const std::filesystem::path& hub);
    broker(app::child_process process, uint16_t port, double start_took)
        : process_(std::move(process)), port_(port), start_took_(start_took) {}
    app::child_process process_;
    uint16_t port_;
    double start_took_;
};

// berthd with [hub], its provisioning at both doors, and files, on this hub's directory; all devices below the registered CA are
// enrolled.
class whole_service {
public:
    // `more`: tables of berthd.toml behind those of the hub. Who shows a certificate of `administrator`'s may do everything.
    whole_service(const world& in, const std::filesystem::path& hub, const std::string& more = {});
    static constexpr const char* administrator = "bench-admin";
    [[nodiscard]] uint16_t port(const std::string& name) const;  // "https", "mqtt", "provisioning"
    [[nodiscard]] pid_t pid() const { return process_.pid(); }
    static constexpr const char* scope = "0ne00000001";

private:
    std::filesystem::path said_;
    app::child_process process_;
};

}  // namespace berth::hub::bench
