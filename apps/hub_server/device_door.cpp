#include "hub_server/device_door.h"

#include "refusals.h"

namespace berth::app {

namespace {

// The words that a device says over MQTT are these, where HTTPS has a host, a path and a token. The version is the query's, and
// nothing depends on it.
std::optional<hub::judged_words> words_of(const net::http_request& request, std::string_view named) {
    const auto token = request.headers.get("Authorization");
    if (token.empty()) {
        return std::nullopt;
    }
    return hub::judge_words(named, fmt::format("{}/{}/?api-version=", request.headers.get("Host"), named), token);
}

// Each note is a commit. Since its certificates were ended, that it has come by another is to be known at once.
bool is_news(const registry::identity& who, unix_seconds now) {
    const unix_seconds last = who.last_activity;
    return now >= last + device_door::note_again || now < last || (who.epoch_raised != 0 && last <= who.epoch_raised);
}

}  // namespace

device_door::device_door(hub_desk& desk, login_desk& logins, ops::metric_registry& metrics)
    : desk_(desk),
      logins_(logins),
      refusals_(metrics.counters("berth_hub_refusals_total", "Who did not come in at a broker, and why", {"broker", "reason"})) {}

result<device_door::visitor> device_door::judge(const net::http_request& request, std::string_view named,
                                                registry::operation what) {
    logins_.look_again();
    const bool shows = request.peer && !request.peer->chain.empty();
    auto chain = shows ? logins_.gate().judge(request.peer->chain) : no_chain("The peer sent no certificate.");
    auto words = words_of(request, named);
    auto answer = logins_.judge(named, chain, words);
    if (!answer.in) {
        return fail(error{error_category::peer,
                          std::string(to_string(answer.refusal)),
                          std::move(answer.why),
                          {{"subject", chain.subject}, {"serial", chain.serial}}});
    }
    auto& in = *answer.in;
    if (!logins_.gate().opens(in.identity.settings.group, what)) {
        return fail(error{error_category::peer,
                          "policy_closed",
                          fmt::format("The policy of its group, \"{}\", withholds {}.",
                                      in.identity.settings.group.empty() ? registry::default_group : in.identity.settings.group,
                                      to_string(what)),
                          {{"subject", chain.subject}, {"serial", chain.serial}}});
    }
    if (is_news(in.identity, desk_.time().now())) {
        logins_.note(in.identity, in.ca);
    }
    return visitor{std::move(in.identity), in.by_key, std::move(chain), std::move(words)};
}

result<device_door::visitor> device_door::admit(const net::http_request& request, std::string_view named,
                                                registry::operation what) {
    auto out = judge(request, named, what);
    if (!out) {
        const auto& why = out.error();
        refusals_.with({"https", why.name}).add();
        std::vector<log::field> about{
            {"party", "hub"}, {"peer", request.peer ? request.peer->address : ""}, {"client_id", named}, {"reason", why.name}};
        for (const auto& [name, value] : why.params) {
            about.emplace_back(name, value);
        }
        tell_refusal("device_refused", why.message, std::move(about));
    }
    return out;
}

net::http_response device_door::refused() {
    const wire::json::object body{{"Message", "ErrorCode:IotHubUnauthorizedAccess;Unauthorized"}, {"ExceptionMessage", ""}};
    auto out = net::http_response::text(401, wire::to_text(body), "application/json; charset=utf-8");
    // RFC 9110 15.5.2: "The server generating a 401 response MUST send a WWW-Authenticate header field".
    out.headers.add("WWW-Authenticate", "SharedAccessSignature");
    out.headers.add("Cache-Control", "no-store");
    out.headers.add("iothub-errorcode", "IotHubUnauthorizedAccess");
    return out;
}

std::string named_in_path(const net::http_request& request) {
    const auto part = [&request](const char* name) {
        const auto found = request.params.find(name);
        return found != request.params.end() ? found->second : std::string();
    };
    const auto device = part("id"), module = part("module");
    // "/devices/dev1%2Fmod1/files" is nobody's: a route without {module} is for devices.
    if (device.find('/') != std::string::npos || module.find('/') != std::string::npos) {
        return {};
    }
    return module.empty() ? device : device + "/" + module;
}

}  // namespace berth::app
