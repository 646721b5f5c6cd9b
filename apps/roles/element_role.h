// The verifier of secure elements: an HTTPS listener that asks devices for a signature of their element (attestation/element.h).
#pragma once

#include "attestation/element_verifier.h"
#include "net/http_server.h"
#include "ops/metrics.h"
#include "roles/config.h"
#include "roles/lists.h"

namespace berth::app {

class element_role {
public:
    // Errors of files and keys; `listen_failed`.
    static result<std::unique_ptr<element_role>> start(net::loop& on, const element_config& config, const clock& time,
                                                       random_source& random, ops::metric_registry& metrics);

    // Another configuration while this one serves, as masa_role's. Errors as start(), naming the file; `restart_needed`.
    struct prepared {
        element_config config;
        std::shared_ptr<const net::tls_context> tls;
        std::optional<pki::trust_store> makers;
        role_lists lists;
    };
    static result<prepared> read(const element_config& config, const clock& time);
    result<prepared> prepare(const element_config& config);
    void apply(prepared ready);

    [[nodiscard]] uint16_t port() const { return server_->port(); }
    [[nodiscard]] const role_lists& lists() const { return serving_.lists; }

private:
    element_role(const clock& time, attestation::element_verifier verifier, ops::counter_family outcomes, prepared serving)
        : clock_(time), verifier_(std::move(verifier)), outcomes_(std::move(outcomes)), serving_(std::move(serving)) {}
    net::http_response challenge(const net::http_request& request);
    net::http_response authenticate(const net::http_request& request);
    net::http_response refused(const net::http_request& request, const error& why);

    const clock& clock_;
    attestation::element_verifier verifier_;
    ops::counter_family outcomes_;
    prepared serving_;
    std::unique_ptr<net::http_server> server_;
};

}  // namespace berth::app
