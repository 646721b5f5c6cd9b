// Which handler answers which request. What is not named here is refused.
#pragma once

#include "net/http.h"
#include "net/websocket_upgrade.h"

namespace berth::net {

// Answers a request, once. Copies answer the same request. If the last copy goes without an answer, 500 is sent. On the
// server's loop thread; after the connection has gone it does nothing.
class http_responder {
public:
    using sink = std::function<void(http_response)>;
    explicit http_responder(sink to);
    void operator()(http_response response) const;
    [[nodiscard]] bool answered() const;

private:
    struct state;
    std::shared_ptr<state> state_;
};

struct http_route_options {
    // Larger bodies are refused before they are read; at most the server's own limit.
    size_t most_body = 64 * 1024;
    // Asked, as a handler is, of a request that has a body, before any of it is read: the answer 100 lets it go on, and any
    // other is the request's, which ends the connection. Nothing: all may send one.
    std::function<void(http_request, http_responder)> at_head = {};
};

// A route's path is matched segment by segment: "/v1/devices/{id}" takes any one non-empty segment for {id}, and a last
// segment "{rest...}" takes all that is left, slashes included. A segment spelt out is preferred to a name, and that to the rest.
class http_router {
public:
    using handler = std::function<http_response(const http_request&)>;
    using async_handler = std::function<void(http_request, http_responder)>;

    http_router();
    ~http_router();
    http_router(http_router&&) noexcept;
    http_router& operator=(http_router&&) noexcept;

    // GET routes answer HEAD too.
    void add(const std::string& method, const std::string& path, handler handle, http_route_options options = {});
    void add_async(const std::string& method, const std::string& path, async_handler handle, http_route_options options = {});
    // Every method comes to the opening handshake (net/websocket_upgrade.h); refusals end the connection.
    void add_websocket(const std::string& path, websocket_route how);
    // Part of the interface that this build does not have: 501, never 200.
    void not_implemented(const std::string& method, const std::string& path);

    struct found {
        const async_handler* handle = nullptr;  // null: `refusal` is the answer, where there is no `websocket`
        const websocket_route* websocket = nullptr;
        std::map<std::string, std::string> params;
        size_t most_body = 0;
        const async_handler* at_head = nullptr;  // null: there is none
        http_response refusal;
        std::string route;  // as added, for metrics: never what a client made up
    };
    // 404 `not_found`: no such path; 405 `method_not_allowed` with Allow: the path has other methods; 501 `not_implemented`:
    // a method that HTTP does not know, or a route declared so; 400 `malformed`: a bad percent-encoding.
    [[nodiscard]] found find(const std::string& method, std::string_view path) const;

private:
    struct node;
    std::unique_ptr<node> root_;
};

}  // namespace berth::net
