// The EST server of berthd: certificates for devices (RFC 7030, RFC 8951) over TLS and AuthKEM.
//
// Connections of TLS live on threads of their own (net/http_front.h); AuthKEM's, and everything that is judged, issued and kept,
// on the loop.
#pragma once

#include "est/server.h"
#include "est_server/est_authority.h"
#include "net/current.h"
#include "net/http_front.h"
#include "ops/metrics.h"
#include "roles/lists.h"
#include "roles/store_turn.h"

namespace berth::app {

// For whoever asks OCSP responders; without, nobody does.
struct est_surroundings {
    net::loop* on = nullptr;
    random_source* random = nullptr;
};

class est_role {
public:
    // Errors of files, keys and the CA directory; `listen_failed`.
    static result<std::unique_ptr<est_role>> start(net::loop& on, const est_config& config, const clock& time,
                                                   random_source& random, ops::metric_registry& metrics);

    // Another configuration while this one serves, as element_role's. Errors as start(), naming the file; `restart_needed`.
    struct prepared {
        est_config config;
        std::shared_ptr<const net::tls_context> tls, tls12;
        std::shared_ptr<const authkem::server_context> authkem;
        size_t threads = 0;  // that the key of `tls` allows, of those that were asked for
        std::optional<visitors> who;
        std::unique_ptr<est_office> office;
        role_lists lists;
    };
    // `how`: to_look, for who makes nothing.
    static result<prepared> read(const est_config& config, const clock& time, store::opening how = store::opening::or_make,
                                 est_surroundings in = {});
    result<prepared> prepare(const est_config& config);
    void apply(prepared ready);

    // For others on this loop that write to the same records: what was done in this turn is kept and answered now.
    void end_turn() { turn_.end_now(); }

    [[nodiscard]] uint16_t port() const { return server_->port(); }
    [[nodiscard]] std::optional<uint16_t> tls12_port() const {
        return tls12_server_ ? std::optional(tls12_server_->port()) : std::nullopt;
    }
    [[nodiscard]] std::optional<uint16_t> authkem_port() const {
        return authkem_server_ ? std::optional(authkem_server_->port()) : std::nullopt;
    }
    // That connections of TLS have; 0: they are on the loop.
    [[nodiscard]] size_t threads() const { return server_->threads(); }
    [[nodiscard]] const role_lists& lists() const { return serving_.lists; }
    // For readiness. Errors of ca::issuer::check_usable; of a store that takes nothing.
    [[nodiscard]] result<void> check_usable() {
        BERTH_CHECK(turn_.check());
        return serving_.office->check_usable(clock_);
    }

private:
    est_role(net::loop& on, const clock& time, random_source& random, ops::metric_registry& metrics, prepared serving);
    void serve(const net::http_request& request, const net::http_responder& respond);
    // Once it is known what became of his certificates.
    void serve_now(const net::http_request& request, const net::http_responder& respond);
    result<est_visitor> admit(const net::http_request& request);
    // Who asks, as far as that was found out, and what he is answered.
    std::pair<std::string, est::answer> judge(const net::http_request& request);
    // Whether what it asks for is for everybody: then nobody has to show anything, nor is judged by what he shows.
    [[nodiscard]] bool is_for_everybody(const net::http_request& request) const;
    void turn_ended(bool kept);
    void take_next();
    result<std::unique_ptr<net::http_front>> listen(const net::address& at, net::http_transport over,
                                                    ops::metric_registry& metrics, const char* name);
    void show_contexts();

    attempts unknown_tpms_{30, 300};
    net::loop& loop_;
    const clock& clock_;
    random_source& random_;
    ops::counter_family outcomes_;
    prepared serving_;
    // Its contexts, for the threads of connections.
    net::current<net::tls_context> tls_, tls12_;
    // What was answered in this turn; it is sent, counted and logged once what it depends on is kept.
    struct held {
        net::http_responder respond;
        net::http_response response;
        std::string operation, outcome;
        std::vector<log::field> issued, waits;  // empty: nothing was, nothing does
    };
    std::vector<held> held_;
    store_turn<store::sqlite_ca_store> turn_;
    std::unique_ptr<prepared> next_;  // takes effect at the turn's end
    std::unique_ptr<net::http_front> server_, tls12_server_, authkem_server_;
};

}  // namespace berth::app
