#include "provisioning/mqtt.h"

#include "hub/carrier/carried.h"
#include "hub/topics/request.h"
#include "provisioning/parts.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::provisioning {

namespace {

constexpr std::string_view begin_topic = "$dps/registrations/PUT/iotdps-register/?";
constexpr std::string_view status_topic = "$dps/registrations/GET/iotdps-get-operationstatus/?";
constexpr std::string_view answers = "$dps/registrations/res/";

tl::unexpected<error> bad_user(const char* why) {
    return fail(error_category::peer, "bad_user_name", fmt::format("The MQTT user name {}.", why));
}

}  // namespace

result<mqtt_user> parse_mqtt_user(std::string_view user_name) {
    if (user_name.size() > 1'024) {
        return bad_user("is too long");
    }
    const auto parts = split(user_name, '/');
    if (parts.size() != 4 || parts[1] != "registrations" || parts[0].empty()) {
        return bad_user("is not SCOPE/registrations/ID/api-version=...");
    }
    mqtt_user out;
    const auto scope = percent_decoded(parts[0]);
    const auto id = percent_decoded(parts[2]);
    if (!scope || !id) {
        return bad_user("has a bad percent-encoding");
    }
    out.scope = *scope;
    out.registration_id = *id;
    BERTH_CHECK(registry::check_registration_id(out.registration_id));
    constexpr std::string_view version = "api-version=";
    for (const auto word : split(parts[3], '&')) {
        if (word.starts_with(version)) {
            out.api_version = word.substr(version.size());
        }
    }
    if (out.api_version.empty()) {
        return bad_user("names no api-version");
    }
    return out;
}

result<mqtt_user> judge_mqtt_connect(service& to, caller who, std::string_view client_id, std::string_view user_name,
                                     bool has_password, unix_seconds now) {
    BERTH_TRY(user, parse_mqtt_user(user_name));
    if (has_password) {
        return fail(error_category::peer, "shared_keys_refused", "It sent a password: certificates alone are taken.");
    }
    if (!registry::same_registration_id(client_id, user.registration_id)) {
        return fail(error_category::peer, "name_mismatch", "The MQTT client id is not the registration id of the user name.");
    }
    who.scope = user.scope;
    if (const auto refused = to.refuses(who, user.registration_id, now)) {
        return fail(error_category::peer, "not_enrolled", std::string(refused->body.at("message").as_string()));
    }
    return user;
}

bool may_subscribe(std::string_view filter) {
    return filter == "$dps/registrations/res/#";
}

std::optional<mqtt_request> parse_mqtt_topic(std::string_view topic) {
    mqtt_request out;
    if (topic.starts_with(begin_topic)) {
        topic.remove_prefix(begin_topic.size());
    } else if (topic.starts_with(status_topic)) {
        topic.remove_prefix(status_topic.size());
        out.what = mqtt_request::kind::status;
    } else {
        return std::nullopt;
    }
    for (const auto word : split(topic, '&')) {
        const size_t equals = std::min(word.find('='), word.size());
        const std::string_view name = word.substr(0, equals);
        const std::string_view value = word.substr(std::min(equals + 1, word.size()));
        std::string* const into = name == "$rid" ? &out.rid : name == "operationId" ? &out.operation : nullptr;
        if (!into) {
            continue;  // forceRegistration, of SDKs
        }
        if (!into->empty() || !hub::stands_for_itself(value)) {
            return std::nullopt;
        }
        *into = value;
    }
    const bool whole = !out.rid.empty() && out.operation.empty() == (out.what == mqtt_request::kind::begin);
    return whole ? std::optional(std::move(out)) : std::nullopt;
}

std::optional<mqtt_message> answer_mqtt(service& to, const caller& who, std::string_view registration_id, std::string_view topic,
                                        std::string_view payload, unix_seconds now) {
    const auto request = parse_mqtt_topic(topic);
    if (!request) {
        return std::nullopt;
    }
    answer a = request->what == mqtt_request::kind::begin ? to.begin(who, registration_id, payload, now)
                                                          : to.status(who, registration_id, request->operation, now);
    auto text = a.text();
    // A broker would refuse it, and with it all that it is carried with.
    if (text.size() > hub::most_carried_payload) {
        a = to.too_large(now);
        text = a.text();
    }
    mqtt_message out;
    out.topic = fmt::format("{}{}/?$rid={}", answers, a.status, request->rid);
    if (a.retry_after) {
        out.topic += fmt::format("&retry-after={}", *a.retry_after);
    }
    out.payload = std::move(text);
    return out;
}

}  // namespace berth::provisioning
