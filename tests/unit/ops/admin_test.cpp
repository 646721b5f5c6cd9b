#include "common/admin.h"

#include "net/http_client.h"

#include <gmock/gmock.h>

namespace berth::app {

namespace {

struct admin : testing::Test {
    net::loop on;
    ops::metric_registry metrics;
    ops::health checks;

    net::http_response get(uint16_t port, std::string target, std::string method = "GET") {
        net::http_client client(on, {"127.0.0.1", port}, std::monostate());
        net::http_request request;
        request.method = std::move(method);
        request.target = std::move(target);
        net::http_response out;
        client.send(std::move(request), [&](result<net::http_response> r) {
            EXPECT_TRUE(r) << r.error().message;
            out = r.value_or(net::http_response());
            on.stop();
        });
        on.run();
        on.restart();
        return out;
    }
};

}  // namespace

TEST_F(admin, serves_metrics_and_health_on_a_free_port) {
    metrics.counters("berth_test_total", "x").plain().add();
    bool well = false;
    checks.add_ready("store",
                     [&] { return well ? result<void>() : fail(error_category::environment, "store_unavailable", "gone"); });
    auto listener = admin_listener::start(on, {"127.0.0.1", 0}, metrics, checks, system_clock());
    ASSERT_TRUE(listener) << listener.error().message;
    const uint16_t port = (*listener)->port();
    ASSERT_NE(port, 0);

    const auto text = get(port, "/metrics");
    EXPECT_EQ(text.status, 200U);
    EXPECT_EQ(text.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_THAT(text.body, testing::HasSubstr("berth_test_total 1\n"));
    EXPECT_EQ(get(port, "/healthz").status, 200U);
    EXPECT_EQ(get(port, "/readyz").status, 503U);
    well = true;
    const auto ready = get(port, "/readyz");
    EXPECT_EQ(ready.status, 200U);
    EXPECT_EQ(ready.headers.get("content-type"), "application/json");
    EXPECT_EQ(ready.body, "{\"status\":\"ok\",\"checks\":{\"store\":{\"ok\":true}}}\n");
    EXPECT_EQ(get(port, "/").status, 404U);
    EXPECT_EQ(get(port, "/metrics", "POST").status, 405U);
}

TEST_F(admin, is_for_loopback) {
    const auto refused = admin_listener::start(on, {"0.0.0.0", 0}, metrics, checks, system_clock());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().name, "plain_not_loopback");
    EXPECT_TRUE(admin_listener::start(on, {"0.0.0.0", 0}, metrics, checks, system_clock(), true));
}

TEST_F(admin, http_servers_are_counted_by_route_and_never_by_what_a_client_makes_up) {
    auto router = std::make_shared<net::http_router>();
    router->add("GET", "/things/{id}", [](const net::http_request&) { return net::http_response::empty(); });
    auto server = net::http_server::listen(on, {"127.0.0.1", 0}, net::plain_http{}, router, system_clock());
    ASSERT_TRUE(server);
    count_http(**server, metrics, "api");
    get((*server)->port(), "/things/1");
    get((*server)->port(), "/things/2");
    get((*server)->port(), "/made/up");
    get((*server)->port(), "/things/2", "BREW");
    const std::string text = metrics.text();
    EXPECT_THAT(
        text, testing::HasSubstr(R"(berth_http_requests_total{method="GET",route="/things/{id}",server="api",status="204"} 2)"));
    EXPECT_THAT(text, testing::HasSubstr(R"(berth_http_requests_total{method="",route="",server="api",status="404"} 1)"));
    EXPECT_THAT(text, testing::HasSubstr(R"(berth_http_requests_total{method="",route="",server="api",status="501"} 1)"));
    EXPECT_THAT(text, testing::Not(testing::HasSubstr("made")));
}

}  // namespace berth::app
