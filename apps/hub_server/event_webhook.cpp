#include "hub_server/event_webhook.h"

#include "crypto/hash.h"

namespace berth::app {

namespace {

constexpr milliseconds patience = 30'000;
constexpr size_t most_answer = 64 * 1024;

}  // namespace

std::string event_signature(const secret_bytes& secret, unix_seconds now, std::string_view body) {
    const std::string signed_text = fmt::format("{}.{}", now, body);
    const auto mac = crypto::hmac(crypto::hash_algorithm::sha256, secret.reveal(), as_bytes(signed_text));
    return fmt::format("t={},v1={}", now, to_hex(mac));
}

event_webhook::event_webhook(net::loop& on, const clock& time, net::http_url url, std::string hub, std::string member,
                             event_sink_files files)
    : loop_(on), clock_(time), url_(std::move(url)), hub_(std::move(hub)), member_(std::move(member)), files_(std::move(files)) {}

void event_webhook::renew(event_sink_files&& files) {
    files_ = std::move(files);
    stale_ = true;
}

void event_webhook::deliver(const std::vector<std::string>& items, done then) {
    if (std::exchange(stale_, false)) {
        client_.reset();
    }
    if (!client_) {
        net::http_client_options options;
        options.size.most_body = most_answer;
        options.connect = options.handshake = patience / 3;
        options.response = patience;
        client_.emplace(loop_, url_.host, files_.tls ? net::channel_transport{files_.tls} : net::channel_transport{}, options);
    }
    std::string list;
    for (const auto& one : items) {
        list += (list.empty() ? "" : ",") + one;
    }
    net::http_request request;
    request.method = "POST";
    request.target = url_.target;
    request.headers.add("Content-Type", "application/json");
    request.body = fmt::format(R"({{"hub":{},"{}":[{}]}})", wire::to_text(wire::json::value(hub_)), member_, list);
    if (files_.secret) {
        request.headers.add("Berth-Signature", event_signature(*files_.secret, clock_.now(), request.body));
    }
    client_->send(std::move(request), [then = std::move(then)](result<net::http_response> said) {
        if (!said) {
            return then(fail(std::move(said).error()));
        }
        if (said->status < 200 || said->status > 299) {
            // What it will never take is set aside, where there is a place for that; else it may be mended, and is asked again.
            const bool bad = said->status == 400 || said->status == 413 || said->status == 422;
            return then(fail(error_category::peer, bad ? "webhook_rejected" : "webhook_refused",
                             fmt::format("the webhook answered {}", said->status)));
        }
        then({});
    });
}

}  // namespace berth::app
