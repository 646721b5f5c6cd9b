#include "hub_server/webhooks.h"

#include "authkem/peer.h"

namespace berth::app {

webhooks::webhooks(net::loop& on, const clock& time, std::vector<pki::certificate> anchors, answered then)
    : loop_(on), clock_(time), anchors_(std::move(anchors)), then_(std::move(then)) {}

result<net::channel_transport> webhooks::transport_to(const net::http_url& url) const {
    if (url.transport == net::transport_kind::plain) {
        return net::channel_transport{};  // this machine alone: registry::check_enrolment
    }
    if (url.transport != net::transport_kind::tls) {
        return fail(error_category::usage, "bad_url", "a webhook is asked over HTTPS");
    }
    if (anchors_.empty()) {
        return fail(error_category::usage, "no_trust_store",
                    "nobody is trusted to vouch for webhooks: name their CA (webhook_anchors of [hub.provisioning])");
    }
    net::tls_client_config tls;
    BERTH_TRY(trust, pki::trust_store::build({anchors_, {}, {}}));
    tls.server.trust = std::move(trust);
    tls.server.policy = authkem::server_named(url.host.host);
    tls.server_name = url.host.host;
    BERTH_TRY(context, net::tls_context::make(std::move(tls), clock_));
    return net::channel_transport{std::move(context)};
}

void webhooks::ask(provisioning::webhook_wish wish) {
    if (calls_.size() >= most_at_once) {
        waiting_.push_back({std::move(wish), clock_.steady()});
        if (waiting_.size() > most_waiting) {
            const std::string operation = waiting_.front().wish.operation;
            waiting_.pop_front();
            then_(operation, fail(error_category::environment, "too_many_requests", "too many webhooks wait to be asked"));
        }
        return;
    }
    begin(wish);
}

void webhooks::begin(const provisioning::webhook_wish& wish) {
    const auto place = calls_.insert(calls_.end(), {wish.operation, std::nullopt});
    // From the loop, whatever comes of it: whoever asked is not to be answered within his question.
    const auto later = [this, place, alive = std::weak_ptr(alive_)](result<net::http_response> what) {
        loop_.post([this, place, alive, what = std::move(what)] {
            if (alive.expired()) {
                return;
            }
            const std::string operation = place->operation;
            calls_.erase(place);
            done(operation, what);
        });
    };
    const auto url = net::parse_url(wish.url);
    if (!url) {
        return later(fail(url.error()));
    }
    auto transport = transport_to(*url);
    if (!transport) {
        return later(fail(std::move(transport).error()));
    }
    net::http_client_options options;
    options.size.most_body = provisioning::most_webhook_answer;
    options.connect = options.handshake = options.response = patience / 3;
    place->client.emplace(loop_, url->host, std::move(*transport), options);
    net::http_request request;
    request.method = "POST";
    request.target = url->target;
    request.headers.add("Content-Type", "application/json");
    request.body = wish.body;
    place->client->send(std::move(request), later);
}

void webhooks::done(const std::string& operation, const result<net::http_response>& what) {
    // The service has given up those that have waited for long.
    while (!waiting_.empty() && clock_.steady() - waiting_.front().since > patience) {
        waiting_.pop_front();
    }
    if (!waiting_.empty()) {
        const auto next = std::move(waiting_.front());
        waiting_.pop_front();
        begin(next.wish);
    }
    then_(operation, what);
}

}  // namespace berth::app
