#include "common/admin.h"

namespace berth::app {

void add_admin_routes(net::http_router& to, const ops::metric_registry& metrics, const ops::health& checks) {
    const auto told = [](const ops::health_report& report) {
        auto response = net::http_response::json(report.ok ? 200 : 503, report.body);
        response.headers.add("Cache-Control", "no-store");
        return response;
    };
    to.add("GET", "/metrics", [&metrics](const net::http_request&) {
        return net::http_response::text(200, metrics.text(), ops::metric_registry::text_type);
    });
    to.add("GET", "/healthz", [&checks, told](const net::http_request&) { return told(checks.live()); });
    to.add("GET", "/readyz", [&checks, told](const net::http_request&) { return told(checks.ready()); });
}

result<std::unique_ptr<admin_listener>> admin_listener::start(net::loop& on, const net::address& at,
                                                              const ops::metric_registry& metrics, const ops::health& checks,
                                                              const clock& time, bool beyond_loopback) {
    auto router = std::make_shared<net::http_router>();
    add_admin_routes(*router, metrics, checks);
    net::http_server_limits limits;
    limits.size = {.most_header = 8 * 1024, .most_body = 0};
    limits.most_connections = 64;
    limits.most_connections_per_address = 64;
    BERTH_TRY(server, net::http_server::listen(on, at, net::plain_http{beyond_loopback}, std::move(router), time, limits));
    return std::make_unique<admin_listener>(std::move(server));
}

namespace {

// Of a front, on its threads: metrics may be counted on any.
template <class Server>
void count_into(Server& server, ops::metric_registry& metrics, const std::string& name) {
    const auto requests =
        metrics.counters("berth_http_requests_total", "HTTP requests answered", {"server", "method", "route", "status"});
    const auto seconds = metrics.histograms("berth_http_request_seconds", "From a request's header to its answer",
                                            ops::exponential_bounds(0.001, 2, 14), {"server", "route"});
    const auto failures =
        metrics.counters("berth_http_failures_total", "Handshakes and requests that came to nothing", {"server", "error"});
    const auto connections = metrics.gauges("berth_http_connections", "Open connections", {"server"}).with({name});
    const auto count = [&server, connections] { connections.set(static_cast<double>(server.connections())); };
    server.watch(
        [=](const net::http_exchange& e) {
            // A method that no route has is the peer's invention; so is a path that matched none.
            requests.with({name, e.route.empty() ? "" : e.method, e.route, std::to_string(e.status)}).add();
            seconds.with({name, e.route}).observe(e.ms / 1000);
            count();
        },
        [=](const std::string&, const error& why) {
            failures.with({name, why.name}).add();
            count();
        });
}

}  // namespace

void count_http(net::http_server& server, ops::metric_registry& metrics, const std::string& name) {
    count_into(server, metrics, name);
}

void count_http(net::http_front& server, ops::metric_registry& metrics, const std::string& name) {
    count_into(server, metrics, name);
}

}  // namespace berth::app
