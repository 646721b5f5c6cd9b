#include "hub_server/provisioning_service.h"

#include "base/log.h"
#include "provisioning/https.h"
#include "provisioning/mqtt.h"
#include "provisioning/service_api.h"

#include <charconv>

namespace berth::app {

namespace {

constexpr const char* not_kept = R"({"errorCode":503001,"message":"What was asked could not be kept. Ask again."})";

net::http_response unavailable() {
    auto out = net::http_response::text(503, not_kept, std::string(provisioning::json_content));
    out.headers.add("Retry-After", "5");
    return out;
}

provisioning::service_settings settings_of(const hub_provisioning_config& config) {
    provisioning::service_settings out;
    out.id_scope = config.id_scope;
    out.retry_after = config.retry_after;
    return out;
}

result<std::vector<pki::certificate>> parse_chain(const std::vector<bytes>& ders) {
    std::vector<pki::certificate> out;
    for (const auto& der : ders) {
        BERTH_TRY(one, pki::certificate::parse(der));
        out.push_back(std::move(one));
    }
    return out;
}

net::http_response response_of(const provisioning::api_answer& answer) {
    auto out = answer.body.is_null()
                   ? net::http_response::empty(answer.status)
                   : net::http_response::text(answer.status, wire::to_text(answer.body), std::string(provisioning::json_content));
    if (!answer.etag.empty()) {
        out.headers.add("ETag", "\"" + answer.etag + "\"");
    }
    if (!answer.continuation.empty()) {
        out.headers.add("x-ms-continuation", answer.continuation);
    }
    out.headers.add("Cache-Control", "no-store");
    return out;
}

provisioning::api_request api_request_of(const net::http_request& request) {
    provisioning::api_request out;
    out.method = request.method;
    out.path = request.path;
    out.if_match = request.headers.get("If-Match");
    out.body = request.body;
    const std::string_view most = request.headers.get("x-ms-max-item-count");
    std::from_chars(most.data(), most.data() + most.size(), out.most);
    out.continuation = request.headers.get("x-ms-continuation");
    return out;
}

// Who may do that to enrolments. "query" reads.
hub::right right_for(const provisioning::api_request& asked) {
    const bool reads = asked.method == "GET" || (asked.method == "POST" && asked.path.ends_with("/query"));
    return reads ? hub::right::registry_read : hub::right::registry_write;
}

}  // namespace

provisioning_service::provisioning_service(hub_desk& desk, admin_service& admins, provisioning::certificate_issuer& issuer,
                                           const hub_provisioning_config& config, std::vector<pki::certificate> webhook_anchors,
                                           ops::metric_registry& metrics)
    : id_scope_(config.id_scope),
      desk_(desk),
      admins_(admins),
      records_(desk.registry()),
      service_(settings_of(config), desk.registry(), records_, desk.random(), &issuer, &desk.twins()),
      answers_(metrics.counters("berth_provisioning_answers_total",
                                "What devices and operators of the provisioning service were told", {"over", "status"})),
      webhooks_(desk.loop(), desk.time(), std::move(webhook_anchors),
                [this](const std::string& operation, const result<net::http_response>& what) { webhook_said(operation, what); }) {
}

void provisioning_service::with_turn() {
    if (std::exchange(with_turn_, true)) {
        return;
    }
    desk_.after_commit([this](bool kept) {
        with_turn_ = false;
        if (!kept) {
            return service_.rolled_back();
        }
        service_.kept();
        for (auto& wish : service_.take_wishes()) {
            webhooks_.ask(std::move(wish));
        }
    });
}

void provisioning_service::webhook_said(const std::string& operation, const result<net::http_response>& what) {
    if (!desk_.begin()) {
        return;  // the device is told that it has failed, in a while
    }
    with_turn();
    if (what) {
        service_.webhook_answered(operation, what->status, what->body, desk_.time().now());
    } else {
        service_.webhook_failed(operation, what.error(), desk_.time().now());
    }
}

void provisioning_service::count(const char* over, unsigned status) {
    answers_.with({over, std::to_string(status)}).add();
}

std::optional<hub::carried_answer> provisioning_service::answer(const hub::carried_message& message) {
    const auto user = provisioning::parse_mqtt_user(message.user);
    auto chain = parse_chain(message.chain);
    if (!user || !chain || !registry::same_registration_id(user->registration_id, message.client)) {
        log::warning("provisioning_refused", "a session's user name does not say the registration of its client id",
                     {{"party", "provisioning"}, {"client_id", message.client.substr(0, registry::most_identity_name)}});
        count("mqtt", 401);
        return std::nullopt;
    }
    with_turn();
    const provisioning::caller who{std::move(*chain), message.from, user->scope};
    const std::string_view payload(reinterpret_cast<const char*>(message.payload.data()), message.payload.size());
    auto said = provisioning::answer_mqtt(service_, who, user->registration_id, message.topic, payload, desk_.time().now());
    count("mqtt", said ? 200 : 400);
    if (!said) {
        return std::nullopt;
    }
    return hub::carried_answer{std::move(said->topic), bytes(said->payload.begin(), said->payload.end())};
}

std::vector<hub_service::mount> provisioning_service::devices::mounts() const {
    return {{"/{scope}/registrations/{rest...}", provisioning::most_registration_body}};
}

void provisioning_service::devices::serve(const net::http_request& request, const net::http_responder& respond) {
    const provisioning::caller who{
        request.peer->chain, request.peer->address, {}, std::string(request.headers.get("Authorization"))};
    const auto scope = request.params.find("scope");
    // Who shows nothing, or does not know the scope, is refused by that alone, and who shows a TPM is asked first whether it is
    // his: he gets no transaction.
    const bool stranger =
        (who.chain.empty() && who.token.empty()) || scope == request.params.end() || scope->second != of_.id_scope_;
    if (!stranger && !of_.desk_.begin()) {
        return respond(unavailable());
    }
    if (!stranger) {
        of_.with_turn();
    }
    const auto said =
        provisioning::answer_https(of_.service_, who, {request.method, request.path, request.body}, of_.desk_.time().now());
    of_.count("https", said.status);
    const auto tell = [respond, said](bool kept) {
        if (!kept) {
            return respond(unavailable());
        }
        auto out = net::http_response::text(said.status, said.text(), std::string(provisioning::json_content));
        if (said.retry_after) {
            out.headers.add("Retry-After", std::to_string(*said.retry_after));
        }
        out.headers.add("Cache-Control", "no-store");
        respond(std::move(out));
    };
    if (stranger) {
        return tell(true);
    }
    of_.desk_.after_commit(tell);
}

std::vector<hub_service::mount> provisioning_service::operators::mounts() const {
    constexpr size_t most = 256 * 1024;  // two certificates
    return {{"/enrollments/{rest...}", most}, {"/enrollmentGroups/{rest...}", most}, {"/registrations/{rest...}", most}};
}

void provisioning_service::operators::serve(const net::http_request& request, const net::http_responder& respond) {
    const auto asked = api_request_of(request);
    const auto who = of_.admins_.admit(request);
    if (!who || !who->may.has(right_for(asked))) {
        log::warning("provisioning_refused", who ? "may not do that" : who.error().message,
                     {{"party", "provisioning"},
                      {"who", who ? who->name : "unknown"},
                      {"peer", request.peer->address},
                      {"method", request.method},
                      {"path", request.path.substr(0, 300)}});
        of_.count("service", 401);
        return respond(net::http_response::text(401, R"({"errorCode":401003,"message":"Unauthorized"})",
                                                std::string(provisioning::json_content)));
    }
    const bool writes = right_for(asked) == hub::right::registry_write;
    if (writes && !of_.desk_.begin()) {
        return respond(unavailable());
    }
    const auto said =
        provisioning::answer_service_api(asked, of_.desk_.registry(), of_.records_, of_.desk_.random(), of_.desk_.time().now());
    of_.count("service", said.status);
    if (writes && said.status < 300) {
        log::info(
            "enrolment_changed", "an enrolment was changed over the API",
            {{"party", "provisioning"}, {"who", who->name}, {"method", request.method}, {"path", request.path.substr(0, 300)}});
    }
    // What is read while something is not kept yet is told once it is.
    if (!of_.desk_.open()) {
        return respond(response_of(said));
    }
    of_.desk_.after_commit([respond, said](bool kept) { respond(kept ? response_of(said) : unavailable()); });
}

}  // namespace berth::app
