// The identity service on a Unix socket: HTTP/1.1 with JSON and PEM (docs/identity-service.md has the requests).
#pragma once

#include "device/identity_config.h"
#include "identity/service.h"
#include "net/http_server.h"

namespace berth::app {

class identity_server {
public:
    // `of` outlives it. Errors `bad_principal`, those of net::http_server::listen_local.
    static result<std::unique_ptr<identity_server>> start(net::loop& on, const identity_config& config, identity::holdings& of,
                                                          const clock& time);
    // Other principals while it serves. Errors `bad_principal`; `restart_needed`: another socket.
    result<void> reload(const identity_config& config);

private:
    using answer = std::function<net::http_response(const identity::service::asker&, const net::http_request&)>;
    explicit identity_server(const identity_config& config, identity::holdings& of) : config_(config), holdings_(of) {}
    [[nodiscard]] result<identity::service> serve_with(const identity_config& config) const;
    // Who asks is settled before anything of the request is looked at.
    [[nodiscard]] net::http_response admitted(const net::http_request& request, const answer& then) const;
    void add_routes(net::http_router& to);

    net::http_response list(const identity::service::asker& by) const;
    net::http_response show(const identity::service::asker& by, const std::string& name) const;
    net::http_response sign(const identity::service::asker& by, const net::http_request& request) const;
    net::http_response decapsulate(const identity::service::asker& by, const net::http_request& request) const;

    identity_config config_;
    identity::holdings& holdings_;
    std::optional<identity::service> service_;
    std::unique_ptr<net::http_server> server_;
};

}  // namespace berth::app
