// One part of what [hub] serves over its HTTPS listener: the registry's API is one, and others stand beside it.
#pragma once

#include "net/http_router.h"

#include <vector>

namespace berth::app {

class hub_service {
public:
    // A path as net::http_router takes it, "/v1/{rest...}"; where two fit, the one that spells a segment out is asked. All
    // methods come to serve(), which refuses what it does not know.
    struct mount {
        std::string path;
        size_t most_body = 64 * 1024;
        bool judges_head = false;  // before a body is read
    };
    hub_service() = default;
    hub_service(const hub_service&) = delete;
    hub_service& operator=(const hub_service&) = delete;
    virtual ~hub_service() = default;

    [[nodiscard]] virtual std::vector<mount> mounts() const = 0;
    // On the loop. `request.peer->chain` has the client's certificates, leaf first, as it sent them all (der() has their octets):
    // TLS has seen that it has the leaf's key, and nothing else is known of them. Whoever is served is judged here.
    virtual void serve(const net::http_request& request, const net::http_responder& respond) = 0;
    // Where a mount has it so: of a request whose body is still to come. It answers as net::http_route_options::at_head does;
    // serve() judges anew, since the body may have taken its time.
    virtual void judge_head(const net::http_request& /*head*/, const net::http_responder& respond) {
        respond(net::http_response::empty(100));
    }
};

}  // namespace berth::app
