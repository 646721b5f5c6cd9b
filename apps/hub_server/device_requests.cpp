#include "hub_server/device_requests.h"

#include "base/log.h"
#include "hub/twin/twins.h"

namespace berth::app {

device_requests::device_requests(hub_desk& desk, ops::metric_registry& metrics)
    : desk_(desk),
      answers_(metrics.counters("berth_hub_device_requests_total",
                                "What devices asked over MQTT: of which service, and whether it was done",
                                {"service", "outcome"})) {}

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
        answers_.with({"credentials", "refused"}).add();
        constexpr std::string_view none = R"({"errorCode":503001,"message":"This hub issues no certificates."})";
        return hub::carried_answer{request->answer_topic(503), bytes(none.begin(), none.end())};
    }
    auto out = hub::answer_twin(desk_.registry(), desk_.twins(), *who, *request, message.payload, desk_.time().now());
    const bool done = out.topic == request->answer_topic(200) || out.topic.starts_with(request->answer_topic(204));
    answers_.with({"twin", done ? "ok" : "refused"}).add();
    return out;
}

}  // namespace berth::app
