#include "berth/commands/se_server.h"

#include "attestation/element_verifier.h"
#include "keystore/stsafe/zone_io.h"
#include "net/http_client.h"

namespace berth::app {

namespace {

namespace st = keystore::stsafe;

// What a server says that refuses: its own error, if it is one.
error refusal(const net::http_response& response) {
    const auto body = wire::parse_json_object(response.body, 64 * 1024);
    const auto* const told = body ? body->if_contains("error") : nullptr;
    if (told && told->is_object()) {
        const auto name = wire::text_member(told->get_object(), "name");
        const auto message = wire::text_member(told->get_object(), "message");
        if (name && message && !name->empty()) {
            return error{error_category::peer, *name, "The server refused: " + *message}.with("status",
                                                                                              std::to_string(response.status));
        }
    }
    return error{error_category::peer, "server_refused",
                 fmt::format("The server answered {} {}; is it a berthd with an [element] table?", response.status,
                             net::reason_of(response.status))}
        .with("status", std::to_string(response.status));
}

result<std::string> post(net::loop& loop, net::http_client& client, const net::address& at, const std::string& target,
                         std::string body) {
    net::http_request request;
    request.method = "POST";
    request.target = target;
    if (!body.empty()) {
        request.headers.add("Content-Type", "application/json");
    }
    request.body = std::move(body);
    result<net::http_response> answer = fail(error{});
    client.send(std::move(request), [&](result<net::http_response> response) {
        answer = std::move(response);
        loop.stop();
    });
    loop.run();
    loop.restart();
    if (!answer) {
        return fail(std::move(answer).error().during(at.text()).with("server", at.text()));
    }
    if (answer->status != 200) {
        return fail(refusal(*answer));
    }
    return std::move(answer->body);
}

}  // namespace

result<wire::json::object> authenticate_at(const element_server& server, st::device& chip, const st::identity_place& place,
                                           const std::vector<pki::certificate>& between) {
    BERTH_TRY(certificate, st::read_certificate(chip, place.zone, st::strongest(chip)));
    net::tls_client_config tls;
    tls.server.trust = server.vouched;
    tls.server.policy = authkem::server_named(server.name);
    tls.server_name = server.name;
    BERTH_TRY(context, net::tls_context::make(std::move(tls), system_clock()));
    net::loop loop;
    net::http_client client(loop, server.at, std::move(context));
    BERTH_TRY(told, post(loop, client, server.at, "/se/challenge", {}));
    BERTH_TRY(invitation, attestation::read_invitation(told));
    if (invitation.audience != server.name) {
        return fail(
            error{error_category::peer, "audience_mismatch",
                  fmt::format("The server at {} wants a signature for \"{}\", and not for itself: nothing was signed. If it "
                              "is the right one, give that name with --server-name",
                              server.at.text(), invitation.audience)}
                .with("audience", invitation.audience));
    }
    BERTH_TRY(signature, st::sign_as_element(chip, place.slot, certificate,
                                             attestation::element_message(server.name, invitation.challenge)));
    attestation::element_answer answer{std::move(invitation.challenge), {certificate}, std::move(signature)};
    answer.chain.insert(answer.chain.end(), between.begin(), between.end());
    BERTH_TRY(judged, post(loop, client, server.at, "/se/authenticate", wire::to_text(to_json(answer))));
    return wire::parse_json_object(judged);
}

}  // namespace berth::app
