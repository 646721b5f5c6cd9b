#include "hub_server/device_requests.h"

#include "base/log.h"
#include "hub/twin/twins.h"

namespace berth::app {

device_requests::device_requests(hub_desk& desk, provisioning::certificate_issuer& issuer, ops::metric_registry& metrics)
    : desk_(desk),
      renewals_({}, desk.registry(), issuer, desk.random()),
      answers_(metrics.counters("berth_hub_device_requests_total",
                                "What devices asked over MQTT: of which service, and whether it was done",
                                {"service", "outcome"})) {}

hub::carried_answer device_requests::certify(const hub::carried_message& message, const hub::hub_request& request,
                                             const registry::identity_name& who) {
    std::optional<pki::certificate> leaf;
    if (!message.chain.empty()) {
        // It was taken in a handshake.
        if (auto read = pki::certificate::parse(message.chain.front())) {
            leaf = std::move(*read);
        }
    }
    return renewals_.answer(who, leaf ? &*leaf : nullptr, request, message.payload, desk_.time().now());
}

std::optional<hub::carried_answer> device_requests::answer(const hub::carried_message& message) {
    const auto request = hub::parse_hub_request(message.topic);
    const auto who = registry::parse_identity_name(message.client);
    if (!request || !who) {
        log::warning("device_request_refused", "a broker carries what is no request of a device",
                     {{"party", "hub"}, {"topic", message.topic.substr(0, 200)}});
        answers_.with({"none", "refused"}).add();
        return std::nullopt;
    }
    using kind = hub::hub_request::kind;
    if (request->what == kind::issue_certificate) {
        auto out = certify(message, *request, *who);
        answers_.with({"credentials", out.topic == request->answer_topic(202) ? "ok" : "refused"}).add();
        return out;
    }
    auto out = hub::answer_twin(desk_.registry(), desk_.twins(), *who, *request, message.payload, desk_.time().now());
    const bool done = out.topic == request->answer_topic(200) || out.topic.starts_with(request->answer_topic(204));
    answers_.with({"twin", done ? "ok" : "refused"}).add();
    return out;
}

}  // namespace berth::app
