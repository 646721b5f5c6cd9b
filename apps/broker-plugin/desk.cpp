#include "desk.h"

#include "provisioning/mqtt.h"
#include "registry/provisioning/enrolment.h"

namespace berth::app {

using hub::login_refusal;

namespace {

constexpr std::array<std::string_view, 2> questions{"$dps/registrations/PUT/iotdps-register/",
                                                    "$dps/registrations/GET/iotdps-get-operationstatus/"};

}  // namespace

std::optional<provisioning_desk::refusal> provisioning_desk::login(handle at, std::string_view client_id, std::string_view user,
                                                                   std::string from, const hub::judged_chain& judged, chain sent,
                                                                   unix_seconds now) {
    // A reload of the broker judges sessions again, and what they have asked is still theirs.
    auto before = sessions_.extract(at);
    if (!sent || sent->empty()) {
        return refusal{login_refusal::no_certificate, "Its certificate was not judged."};
    }
    // Chains that no CA vouches for were let as far as this because the certificate itself is enrolled.
    if (now > judged.not_after) {
        return refusal{login_refusal::certificate_expired, "Its certificate has ended."};
    }
    if (now < judged.not_before) {
        return refusal{login_refusal::certificate_not_yet_valid, "Its certificate is not yet valid."};
    }
    if (client_id.empty() || client_id.size() > registry::most_identity_name) {
        return refusal{login_refusal::bad_name, "Its client id is no registration's."};
    }
    if (!judged.name || judged.name->is_module() || !registry::same_registration_id(judged.name->device, client_id)) {
        return refusal{login_refusal::name_mismatch, "The certificate is not that of the registration which it names."};
    }
    // Its scope, and whether it is enrolled, are the service's to judge.
    const auto said = provisioning::parse_mqtt_user(user);
    if (!said) {
        return refusal{login_refusal::bad_user_name, said.error().message};
    }
    if (!registry::same_registration_id(said->registration_id, client_id)) {
        return refusal{login_refusal::bad_user_name, "Its user name is that of another registration."};
    }
    session fresh;
    if (!before.empty() && before.mapped().client_id == client_id) {
        fresh = std::move(before.mapped());
    } else {
        fresh.number = ++last_number_;
    }
    fresh.client_id = client_id;
    fresh.user = user;
    fresh.from = std::move(from);
    fresh.sent = std::move(sent);
    sessions_[at] = std::move(fresh);
    return std::nullopt;
}

provisioning_desk::asking provisioning_desk::ask(handle at, milliseconds now) {
    auto& s = sessions_.at(at);
    const milliseconds paid = std::max(s.paid_until, now) + per_question;
    if (paid > now + burst) {
        return asking::too_many;
    }
    s.paid_until = paid;
    if (s.in_flight >= most_in_flight) {
        return asking::wait;
    }
    ++s.in_flight;
    return asking::taken;
}

void provisioning_desk::answered(handle at, uint64_t number) {
    const auto found = sessions_.find(at);
    if (found != sessions_.end() && found->second.number == number && found->second.in_flight > 0) {
        --found->second.in_flight;
    }
}

bool provisioning_desk::may_publish(handle at, std::string_view topic) const {
    return sessions_.contains(at) && topic.size() <= hub::most_topic &&
           std::ranges::any_of(questions, [topic](std::string_view q) { return topic.starts_with(q); });
}

bool provisioning_desk::may_subscribe(handle at, std::string_view filter) const {
    return sessions_.contains(at) && filter == answers;
}

std::optional<uint64_t> provisioning_desk::number_of(handle at) const {
    const auto found = sessions_.find(at);
    return found == sessions_.end() ? std::nullopt : std::optional(found->second.number);
}

hub::carried_message provisioning_desk::question(handle at, std::string_view topic, bytes_view payload) const {
    const auto& s = sessions_.at(at);
    return {s.client_id, s.user, std::string(topic), bytes(payload.begin(), payload.end()), s.from, {}};
}

}  // namespace berth::app
