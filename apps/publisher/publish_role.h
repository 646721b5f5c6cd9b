// The publisher of berthd: what became of certificates, for whoever asks, over plain HTTP (RFC 5280 4.2.1.13, RFC 6960 appendix
// A, RFC 5019). Everything that it serves is signed or is a certificate, so nothing has to be hidden and nothing can be forged.
#pragma once

#include "base/log.h"
#include "net/http_server.h"
#include "ops/metrics.h"
#include "publisher/publish_sites.h"

namespace berth::app {

class publish_role {
public:
    // Errors of files, keys and the CA directory; `bad_config`; `listen_failed`.
    static result<std::unique_ptr<publish_role>> start(net::loop& on, const publish_config& config, const clock& time,
                                                       ops::metric_registry& metrics);

    // Another configuration while this one serves, as element_role's. Errors as start(); `restart_needed`.
    struct prepared {
        publish_config config;
        std::unique_ptr<publish_sites> sites;
    };
    // `how`: to_look, for who makes nothing.
    static result<prepared> read(const publish_config& config, store::opening how = store::opening::or_make);
    result<prepared> prepare(const publish_config& config);
    void apply(prepared ready);

    // Called before anything is written to the records: whoever else on this loop has a commit of theirs open ends it, or this
    // would wait for him who waits for this.
    void before_writing(std::function<void()> work) { before_writing_ = std::move(work); }

    [[nodiscard]] uint16_t port() const { return server_->port(); }
    // For readiness: every list is there and of now, and OCSP can be answered. Errors of list_keeper and ocsp_desk.
    [[nodiscard]] result<void> check_usable() const;

private:
    publish_role(net::loop& on, const clock& time, ops::metric_registry& metrics, prepared serving);
    net::http_response serve(const net::http_request& request);
    net::http_response tell_list(const net::http_request& request, const published_list& which);
    net::http_response tell_certificate(const net::http_request& request, const published_certificate& which);
    net::http_response answer(ca::ocsp_desk& desk, bytes_view query, bool by_get);
    [[nodiscard]] net::http_response cached(const net::http_request& request, std::string_view type, bytes_view body,
                                            unix_seconds since, std::optional<unix_seconds> until) const;
    void keep_lists();

    const clock& clock_;
    ops::counter_family outcomes_, made_;
    ops::gauge_family ends_;
    prepared serving_;
    std::function<void()> before_writing_;
    std::string failure_;  // that was logged last: not again each second
    std::unique_ptr<net::http_server> server_;
    net::timer ticker_;
};

}  // namespace berth::app
