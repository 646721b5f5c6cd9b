// The operator's listener: GET /metrics, /healthz and /readyz, without encryption and therefore on loopback unless the
// configuration says otherwise.
#pragma once

#include "net/http_front.h"
#include "ops/health.h"
#include "ops/metrics.h"

namespace berth::app {

class admin_listener {
public:
    // Errors of http_server::listen. `metrics` and `checks` outlive the listener.
    static result<std::unique_ptr<admin_listener>> start(net::loop& on, const net::address& at,
                                                         const ops::metric_registry& metrics, const ops::health& checks,
                                                         const clock& time, bool beyond_loopback = false);
    [[nodiscard]] uint16_t port() const { return server_->port(); }

    explicit admin_listener(std::unique_ptr<net::http_server> server) : server_(std::move(server)) {}

private:
    std::unique_ptr<net::http_server> server_;
};

// The three routes, for servers that have others too.
void add_admin_routes(net::http_router& to, const ops::metric_registry& metrics, const ops::health& checks);

// berth_http_requests_total{server,method,route,status}, berth_http_request_seconds{server,route},
// berth_http_failures_total{server,error}, berth_http_connections{server}.
void count_http(net::http_server& server, ops::metric_registry& metrics, const std::string& name);
void count_http(net::http_front& server, ops::metric_registry& metrics, const std::string& name);

}  // namespace berth::app
