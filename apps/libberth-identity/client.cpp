#include "libberth-identity/client.h"

#include "base/wipe.h"
#include "net/http_refusal.h"
#include "wire/base64.h"

#include <cstdlib>

namespace berth::app {

std::string identity_client::usual_socket() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): read once, before there are threads of ours
    const char* named = std::getenv("BERTH_IDENTITY_SOCKET");
    return named && *named ? named : "/run/berth/identity.sock";
}

result<std::string> identity_client::text(const std::string& target) const {
    net::http_request request;
    request.target = target;
    BERTH_TRY(response, http_.ask(request));
    if (response.status != 200) {
        return fail(net::refusal_of(response, "the identity service"));
    }
    return std::move(response.body);
}

result<std::string> identity_client::certificate(const std::string& name) const {
    return text("/v1/identities/" + net::percent_encode(name) + "/certificate");
}

result<secret_bytes> identity_client::octets(const std::string& name, const char* doing, const char* given, const char* taken,
                                             bytes_view what) const {
    net::http_request request;
    request.method = "POST";
    request.target = fmt::format("/v1/identities/{}/{}", net::percent_encode(name), doing);
    request.headers.add("Content-Type", "application/json");
    request.body = wire::to_text(wire::json::object{{given, wire::base64(what)}});
    BERTH_TRY(response, http_.ask(request));
    if (response.status != 200) {
        return fail(net::refusal_of(response, "the identity service"));
    }
    auto answer = [&]() -> result<bytes> {
        BERTH_TRY(body, wire::parse_json_object(response.body));
        BERTH_TRY(member, wire::text_member(body, taken));
        auto decoded = wire::from_base64(member);
        wipe(member);
        return decoded;
    }();
    wipe(response.body);
    if (!answer) {
        return fail(error_category::peer, "malformed", "the identity service's answer is none: " + answer.error().message);
    }
    secret_bytes out(*answer);
    wipe(*answer);
    return out;
}

result<secret_bytes> identity_client::sign(const std::string& name, bytes_view message) const {
    return octets(name, "sign", "message", "signature", message);
}

result<secret_bytes> identity_client::decapsulate(const std::string& name, bytes_view enc) const {
    return octets(name, "decapsulate", "enc", "secret", enc);
}

}  // namespace berth::app
