#include "line_end.h"

namespace berth::app {

namespace {

line_end::publication to_berthd(const hub::line_method_outcome& what) {
    // All of it is within its bounds.
    return {std::string(hub::line_client), std::string(hub::line_called), wire::encode(what).value(), 1};
}

}  // namespace

std::optional<line_end::publication> line_end::call(bytes_view said, const permission& may, milliseconds now) {
    auto call = wire::decode<hub::line_method_call>(said);
    if (!call || !hub::check_method_name(call->name.text())) {
        return std::nullopt;
    }
    const auto refused = [&](hub::call_outcome why) { return to_berthd({call->number, why, 0, {}}); };
    const handle whom = calls_.listener(call->client.text());
    if (whom == nullptr) {
        return refused(hub::call_outcome::not_here);
    }
    std::string topic = hub::method_topic(call->name.text(), call->number);
    if (!may(whom, topic)) {
        return refused(hub::call_outcome::not_allowed);
    }
    if (!calls_.open(whom, call->number, call->forget_after, now)) {
        return refused(hub::call_outcome::too_many);
    }
    return publication{std::string(call->client.text()), std::move(topic), std::move(call->payload.value), 0};
}

std::optional<line_end::publication> line_end::answered(handle session, std::string_view topic, bytes_view payload) {
    const auto answer = hub::parse_method_answer(topic);
    if (!answer || !calls_.close(session, answer->number)) {
        return std::nullopt;
    }
    if (payload.size() > hub::most_method_payload) {
        return to_berthd({answer->number, hub::call_outcome::too_large, 0, {}});
    }
    return to_berthd({answer->number, hub::call_outcome::answered, answer->status, {bytes(payload.begin(), payload.end())}});
}

std::vector<line_end::publication> line_end::left(handle session) {
    std::vector<publication> out;
    for (const auto& one : calls_.left(session)) {
        out.push_back(to_berthd(one));
    }
    return out;
}

}  // namespace berth::app
