// An nginx that does nothing but take files by PUT, over the same TLS as berthd, on our OpenSSL, in one process.
#pragma once

#include "common/process.h"
#include "hub/world.h"

#include <optional>

namespace berth::hub::bench {

class nginx {
public:
    // Nothing, and it is said: there is none on this machine, or it has not been built with what takes files.
    static std::optional<nginx> start(const world& in);
    [[nodiscard]] uint16_t port() const { return port_; }
    [[nodiscard]] pid_t pid() const { return process_.pid(); }

private:
    nginx(app::child_process process, uint16_t port) : process_(std::move(process)), port_(port) {}
    app::child_process process_;
    uint16_t port_;
};

}  // namespace berth::hub::bench
