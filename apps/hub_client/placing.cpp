#include "hub_client/placing.h"

#include <charconv>

namespace berth::app {

namespace {

constexpr size_t most_answer = 512 * 1024;

std::optional<unsigned> seconds_of(std::string_view text) {
    unsigned out = 0;
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), out);
    return bad == std::errc() && end == text.data() + text.size() ? std::optional(out) : std::nullopt;
}

net::http_client_options http_options() {
    net::http_client_options out;
    out.size.most_body = most_answer;
    return out;
}

}  // namespace

result<net::channel_transport> hub_transport(const std::string& host, const hub_identity& who, const known_time& time) {
    net::tls_client_config tls;
    BERTH_TRY(trust, pki::trust_store::build({who.anchors, {}, {}}));
    tls.server.trust = std::move(trust);
    tls.server.policy = authkem::server_named(host);
    tls.server.time = time.instants();
    tls.server_name = host;
    tls.own = who.own;
    BERTH_TRY(context, net::tls_context::make(std::move(tls), time));
    return net::channel_transport(std::move(context));
}

placing::placing(net::loop& on, const hub_entry& entry, const hub_identity& who, net::channel_transport over, told then)
    : dialogue_(entry.id_scope, who.registration_id),
      http_(on, entry.endpoint.host, std::move(over), http_options()),
      pause_(on),
      then_(std::move(then)) {}

result<std::unique_ptr<placing>> placing::start(net::loop& on, const hub_entry& entry, const hub_identity& who,
                                                const known_time& time, told then) {
    BERTH_TRY(over, hub_transport(entry.endpoint.host.host, who, time));
    std::unique_ptr<placing> out(new placing(on, entry, who, std::move(over), std::move(then)));
    out->ask(out->dialogue_.first());
    return out;
}

void placing::ask(provisioning::registration_dialogue::request what) {
    net::http_request request;
    request.method = what.method;
    request.target = what.target;
    if (!what.body.empty()) {
        request.headers.add("Content-Type", "application/json");
        request.body = what.body;
    }
    const auto send = [this, alive = std::weak_ptr<bool>(alive_), request = std::move(request)]() mutable {
        http_.send(std::move(request), [this, alive](const result<net::http_response>& answer) {
            if (alive.lock()) {
                heard(answer);
            }
        });
    };
    if (what.after == 0) {
        return std::function<void()>(send)();
    }
    pause_.arm(milliseconds{what.after} * 1000, send);
}

void placing::heard(const result<net::http_response>& answer) {
    const auto end = [this](result<placement> with) { std::exchange(then_, nullptr)(std::move(with)); };
    if (!answer) {
        return end(fail(answer.error()));
    }
    auto next = dialogue_.answered(answer->status, answer->body, seconds_of(answer->headers.get("Retry-After")));
    if (!next) {
        return end(fail(std::move(next).error()));
    }
    if (auto* const again = std::get_if<provisioning::registration_dialogue::request>(&*next)) {
        return ask(std::move(*again));
    }
    end(std::move(std::get<placement>(*next)));
}

}  // namespace berth::app
