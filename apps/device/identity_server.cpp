#include "device/identity_server.h"

#include "base/log.h"
#include "wire/base64.h"

namespace berth::app {

namespace {

using asker = identity::service::asker;

net::http_response refused(const error& why) {
    const bool misshapen = why.is("bad_json") || why.is("duplicate_json_member") || why.is("bad_base64");
    const unsigned status = why.is("not_allowed")                                                  ? 403
                            : why.is("no_such_identity") || why.is("not_onboarded")                ? 404
                            : why.is("too_large")                                                  ? 413
                            : misshapen || why.is("wrong_key_kind") || why.is("bad_encapsulation") ? 400
                                                                                                   : 0;
    return net::http_response::failure(why, status);
}

net::http_response pem(const result<std::vector<pki::certificate>>& certificates) {
    return certificates ? net::http_response::text(200, pki::to_pem(*certificates), "application/x-pem-file")
                        : refused(certificates.error());
}

// The one member of a request's body.
result<bytes> octets_in(const net::http_request& request, std::string_view member) {
    BERTH_TRY(object, wire::parse_json_object(request.body));
    BERTH_TRY(text, wire::text_member(object, member));
    if (object.size() != 1) {
        return fail(error_category::usage, "bad_json", fmt::format("the body is {{\"{}\": base64}} and no more", member));
    }
    return wire::from_base64(text);
}

std::string algorithm_of(const pki::certificate& leaf) {
    if (leaf.is_kem()) {
        const auto key = leaf.kem_key();
        return key ? std::string(name_of(key->algorithm())) : "unknown";
    }
    const auto key = leaf.verification_key();
    return key ? std::string(name_of(key->algorithm())) : "unknown";
}

wire::json::object to_json(const identity::identity_facts& facts) {
    const auto& leaf = facts.chain.front();
    return {{"name", facts.name},
            {"kind", leaf.is_kem() ? "kem" : "signature"},
            {"algorithm", algorithm_of(leaf)},
            {"subject", leaf.subject()},
            {"issuer", leaf.issuer()},
            {"serial", leaf.serial_hex()},
            {"not_before", leaf.not_before()},
            {"not_after", leaf.not_after()}};
}

void log_use(const identity::use_report& use) {
    std::vector<log::field> fields{
        {"principal", use.principal}, {"identity", use.identity}, {"use", std::string(identity::name_of(use.use))}};
    if (use.why) {
        log::failure("identity_not_used", *use.why, std::move(fields));
    } else {
        log::info("identity_used", "a key of this device was used", std::move(fields));
    }
}

}  // namespace

result<identity::service> identity_server::serve_with(const identity_config& config) const {
    return identity::service::make(config.principals, holdings_, log_use);
}

result<std::unique_ptr<identity_server>> identity_server::start(net::loop& on, const identity_config& config,
                                                                identity::holdings& of, const clock& time) {
    std::unique_ptr<identity_server> made(new identity_server(config, of));
    BERTH_TRY(service, made->serve_with(config));
    made->service_.emplace(std::move(service));
    auto router = std::make_shared<net::http_router>();
    made->add_routes(*router);
    net::http_server_limits limits;
    limits.most_connections = 256;
    limits.most_connections_per_address = 32;  // of one user
    BERTH_TRY(server, net::http_server::listen_local(on, config.socket.string(), config.mode, std::move(router), time, limits));
    made->server_ = std::move(server);
    return made;
}

result<void> identity_server::reload(const identity_config& config) {
    if (config.socket != config_.socket || config.mode != config_.mode) {
        return fail(error_category::usage, "restart_needed",
                    "socket and mode are read at start only: restart berth-agent, or put them back");
    }
    BERTH_TRY(service, serve_with(config));
    service_.emplace(std::move(service));
    config_ = config;
    return {};
}

net::http_response identity_server::admitted(const net::http_request& request, const answer& then) const {
    const auto by = service_->admit(request.peer->uid);
    if (!by) {
        log::warning("identity_refused", by.error().message, {{"error", by.error().name}, {"peer", request.peer->address}});
    }
    auto response = by ? then(*by, request) : refused(by.error());
    response.headers.set("Cache-Control", "no-store");
    return response;
}

void identity_server::add_routes(net::http_router& to) {
    const auto add = [&](const char* method, const char* path, const answer& then, size_t most_body = 0) {
        to.add(method, path, [this, then](const net::http_request& request) { return admitted(request, then); },
               {.most_body = most_body});
    };
    constexpr size_t most_body = identity::most_message_octets / 3 * 4 + 1024;
    add("GET", "/v1/device", [this](const asker& by, const net::http_request&) {
        const auto facts = service_->device(by);
        return net::http_response::json(
            200, wire::json::object{{"serial", facts.serial},
                                    {"model", facts.model},
                                    {"customer", facts.customer ? wire::json::value(*facts.customer) : wire::json::value()}});
    });
    add("GET", "/v1/trust", [this](const asker& by, const net::http_request&) { return pem(service_->trust(by)); });
    add("GET", "/v1/identities", [this](const asker& by, const net::http_request&) { return list(by); });
    add("GET", "/v1/identities/{name}",
        [this](const asker& by, const net::http_request& request) { return show(by, request.params.at("name")); });
    add("GET", "/v1/identities/{name}/certificate", [this](const asker& by, const net::http_request& request) {
        auto facts = service_->look(by, request.params.at("name"));
        return facts ? pem(std::move(facts->chain)) : refused(facts.error());
    });
    add(
        "POST", "/v1/identities/{name}/sign",
        [this](const asker& by, const net::http_request& request) { return sign(by, request); }, most_body);
    add(
        "POST", "/v1/identities/{name}/decapsulate",
        [this](const asker& by, const net::http_request& request) { return decapsulate(by, request); }, most_body);
}

net::http_response identity_server::list(const asker& by) const {
    wire::json::array all;
    for (const auto& name : by.identities()) {
        const auto facts = service_->look(by, name);
        // One that is granted and not there yet is no reason to hide the others.
        all.push_back(facts ? to_json(*facts) : wire::json::object{{"name", name}, {"error", facts.error().name}});
    }
    return net::http_response::json(200, wire::json::object{{"principal", by.name()}, {"identities", std::move(all)}});
}

net::http_response identity_server::show(const asker& by, const std::string& name) const {
    const auto facts = service_->look(by, name);
    if (!facts) {
        return refused(facts.error());
    }
    auto object = to_json(*facts);
    object["certificate"] = pki::to_pem(facts->chain);
    return net::http_response::json(200, object);
}

net::http_response identity_server::sign(const asker& by, const net::http_request& request) const {
    const auto message = octets_in(request, "message");
    if (!message) {
        return refused(message.error());
    }
    const auto signature = service_->sign(by, request.params.at("name"), *message);
    return signature ? net::http_response::json(200, wire::json::object{{"signature", wire::base64(*signature)}})
                     : refused(signature.error());
}

net::http_response identity_server::decapsulate(const asker& by, const net::http_request& request) const {
    const auto enc = octets_in(request, "enc");
    if (!enc) {
        return refused(enc.error());
    }
    const auto secret = service_->decapsulate(by, request.params.at("name"), *enc);
    return secret ? net::http_response::json(200, wire::json::object{{"secret", wire::base64(secret->reveal())}})
                  : refused(secret.error());
}

}  // namespace berth::app
