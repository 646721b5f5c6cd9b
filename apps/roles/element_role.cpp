#include "roles/element_role.h"

#include "base/log.h"
#include "common/admin.h"
#include "common/files.h"
#include "keystore/key_uri.h"
#include "roles/startup_checks.h"

#include <arpa/inet.h>

namespace berth::app {

namespace {

constexpr std::string_view json_type = "application/json";

// Whom requests of one device, or of one network address, are counted under: a host has a whole /64 of IPv6.
std::string client_of(const net::http_request& request) {
    const auto at = net::parse_address(request.peer->address);
    if (!at) {
        return request.peer->address;
    }
    std::array<uint8_t, 16> octets{};
    if (::inet_pton(AF_INET6, at->host.substr(0, at->host.find('%')).c_str(), octets.data()) == 1) {
        return to_hex(bytes_view(octets).first(8)) + "/64";
    }
    return at->host;
}

unsigned status_of(const error& e) {
    if (e.is("too_many_requests")) {
        return 429;
    }
    const bool misshapen = e.is("bad_json") || e.is("bad_base64") || e.is("malformed") || e.is("duplicate_json_member");
    return misshapen ? 400 : e.is("too_large") ? 413 : 0;
}

net::http_response fresh(net::http_response response) {
    response.headers.add("Cache-Control", "no-store");
    return response;
}

}  // namespace

result<element_role::prepared> element_role::read(const element_config& config, const clock& time) {
    prepared out;
    out.config = config;
    BERTH_CHECK(check_element_files(config));
    BERTH_TRY(chain, read_chain(config.identity.chain));
    BERTH_TRY(passphrase, read_passphrase(config.identity.passphrase_file));
    auto key =
        keystore::open_signing_key(config.identity.key, {config.identity.chain.parent_path().string(), std::move(passphrase)});
    if (!key) {
        return fail(std::move(key).error().during("[element] key"));
    }
    net::tls_server_config tls;
    tls.credentials.push_back({std::move(chain), std::move(*key)});
    auto context = net::tls_context::make(std::move(tls), time);
    if (!context) {
        return fail(std::move(context).error().during(config.identity.chain.string()));
    }
    out.tls = std::move(*context);
    BERTH_TRY(makers, read_anchors(config.makers));
    BERTH_TRY(issuers, read_certificates(config.issuers));
    BERTH_TRY(lists, read_element_lists(config, makers, issuers));
    BERTH_TRY(trust, pki::trust_store::build({std::move(makers), std::move(issuers), std::move(lists.crls)}));
    out.makers = std::move(trust);
    out.lists = std::move(lists.all);
    return out;
}

result<std::unique_ptr<element_role>> element_role::start(net::loop& on, const element_config& config, const clock& time,
                                                          random_source& random, ops::metric_registry& metrics) {
    BERTH_TRY(ready, read(config, time));
    BERTH_TRY(verifier, attestation::element_verifier::make(config.host, time, random));
    auto outcomes =
        metrics.counters("berth_element_authentications_total", "Secure elements that were judged: ok, or why not", {"outcome"});
    std::unique_ptr<element_role> role(new element_role(time, std::move(verifier), std::move(outcomes), std::move(ready)));
    element_role* const self = role.get();
    auto router = std::make_shared<net::http_router>();
    router->add("POST", "/se/challenge", [self](const net::http_request& r) { return fresh(self->challenge(r)); },
                {.most_body = 0});
    router->add("POST", "/se/authenticate", [self](const net::http_request& r) { return fresh(self->authenticate(r)); },
                {.most_body = attestation::most_answer_octets});
    net::http_server_limits limits;
    limits.size.most_body = attestation::most_answer_octets;
    BERTH_TRY(server, net::http_server::listen(on, config.listen,
                                               net::tls_http{[self]() -> result<std::shared_ptr<const net::tls_context>> {
                                                   return self->serving_.tls;
                                               }},
                                               std::move(router), time, limits));
    role->server_ = std::move(server);
    count_http(*role->server_, metrics, "element");
    return role;
}

result<element_role::prepared> element_role::prepare(const element_config& config) {
    const auto& now = serving_.config;
    const bool same_port = config.listen.port == now.listen.port || config.listen.port == port();
    if (config.listen.host != now.listen.host || !same_port || config.host != now.host) {
        return fail(error_category::usage, "restart_needed",
                    "listen and host of [element] are read at start only: restart berthd, or put them back");
    }
    return read(config, clock_);
}

void element_role::apply(prepared ready) {
    serving_ = std::move(ready);
}

net::http_response element_role::refused(const net::http_request& request, const error& why) {
    outcomes_.with({why.name}).add();
    log::warning("element_refused", why.message, {{"error", why.name}, {"peer", request.peer->address}});
    auto out = net::http_response::failure(why, status_of(why));
    if (out.status == 429) {
        out.headers.add("Retry-After", "60");
    }
    return out;
}

net::http_response element_role::challenge(const net::http_request& request) {
    const auto invitation = verifier_.invite(client_of(request));
    return invitation ? net::http_response::json(200, to_json(*invitation)) : refused(request, invitation.error());
}

net::http_response element_role::authenticate(const net::http_request& request) {
    if (request.content_type() != json_type) {
        return net::http_response::failure({error_category::usage, "unsupported_media_type", "the answer is application/json"},
                                           415);
    }
    const auto answer = attestation::read_answer(request.body);
    if (!answer) {
        return refused(request, answer.error());
    }
    const auto element =
        verifier_.judge(client_of(request), *serving_.makers, *answer, lists_of_rule(serving_.config.revocation));
    if (!element) {
        return refused(request, element.error());
    }
    outcomes_.with({"ok"}).add();
    const auto described = attestation::describe(*element);
    log::info("element_authenticated", element->certificate().subject(),
              {{"fingerprint", to_hex(element->certificate().sha256())}, {"peer", request.peer->address}});
    return net::http_response::json(200, described);
}

}  // namespace berth::app
