#include "hub/foreign/vernemq.h"

#include <algorithm>

namespace berth::hub::foreign {

namespace {

namespace json = wire::json;

// "qos" of a topic that is refused among others that are not: MQTT 3.1.1, 3.9.3; MQTT 5, 3.9.3 ("Not authorized").
constexpr int refused_3 = 128, refused_5 = 135;

json::object ok() {
    return {{"result", "ok"}};
}

}  // namespace

std::optional<vernemq_hook> vernemq_hook_from(std::string_view header) {
    constexpr std::string_view mqtt5 = "_m5";
    vernemq_hook out;
    out.mqtt5 = header.ends_with(mqtt5);
    header.remove_suffix(out.mqtt5 ? mqtt5.size() : 0);
    if (header == "auth_on_register") {
        out.what = vernemq_hook::kind::login;
    } else if (header == "auth_on_publish") {
        out.what = vernemq_hook::kind::publish;
    } else if (header == "auth_on_subscribe") {
        out.what = vernemq_hook::kind::subscribe;
    } else {
        return std::nullopt;
    }
    return out;
}

result<login_question> read_vernemq_login(std::string_view body) {
    BERTH_TRY(object, wire::parse_json_object(body, most_question));
    login_question out;
    BERTH_TRY(client, client_id_of(object, "client_id"));
    out.client = std::move(client);
    BERTH_TRY(user, optional_text(object, "username"));
    out.user = std::move(user);
    BERTH_TRY(password, optional_text(object, "password"));
    out.password = std::move(password);
    BERTH_TRY(from, optional_text(object, "peer_addr"));
    out.from = std::move(from);
    // Who shows no password but a user name may be one by certificate; whether that counts is the service's to say.
    if (out.password.empty() && !out.user.empty()) {
        out.common_name = out.user;
    }
    return out;
}

result<topics_question> read_vernemq_topics(std::string_view body, const vernemq_hook& hook) {
    BERTH_TRY(object, wire::parse_json_object(body, most_question));
    topics_question out;
    BERTH_TRY(client, wire::text_member(object, "client_id"));
    out.client = std::move(client);
    if (hook.what == vernemq_hook::kind::publish) {
        BERTH_TRY(topic, wire::text_member(object, "topic"));
        out.topics.push_back(std::move(topic));
        const auto* const retain = object.if_contains("retain");
        if (retain != nullptr && !retain->is_bool()) {
            return fail(error_category::peer, "bad_json", "\"retain\" is neither true nor false");
        }
        out.retain = retain != nullptr && retain->get_bool();
        return out;
    }
    out.way = direction::subscribe;
    const auto* const list = object.if_contains("topics");
    if (list == nullptr || !list->is_array() || list->get_array().empty() || list->get_array().size() > most_topics) {
        return fail(error_category::peer, "bad_json", fmt::format("\"topics\" is no list of 1 to {} topics", most_topics));
    }
    for (const auto& one : list->get_array()) {
        if (!one.is_object()) {
            return fail(error_category::peer, "bad_json", "\"topics\" is a list of objects");
        }
        BERTH_TRY(topic, wire::text_member(one.get_object(), "topic"));
        out.topics.push_back(std::move(topic));
    }
    return out;
}

std::string vernemq_refusal() {
    return wire::to_text(json::object{{"result", json::object{{"error", "not_allowed"}}}});
}

std::string vernemq_welcome() {
    return wire::to_text(ok());
}

std::string vernemq_publication(const std::string& told) {
    auto out = ok();
    if (!told.empty()) {
        out["modifiers"] = json::object{{"topic", told}, {"retain", false}};
    }
    return wire::to_text(out);
}

std::string vernemq_subscription(std::string_view body, const std::vector<bool>& allowed, const vernemq_hook& hook) {
    if (std::ranges::find(allowed, true) == allowed.end()) {
        return vernemq_refusal();
    }
    auto out = ok();
    if (std::ranges::find(allowed, false) == allowed.end()) {
        return wire::to_text(out);
    }
    // read_vernemq_topics() has seen that it is as it must be.
    auto asked = wire::parse_json_object(body, most_question);
    if (!asked || !asked->contains("topics") || asked->at("topics").as_array().size() != allowed.size()) {
        return vernemq_refusal();
    }
    json::array topics = std::move(asked->at("topics").as_array());
    for (size_t i = 0; i < topics.size(); ++i) {
        if (!allowed[i]) {
            topics[i].as_object()["qos"] = hook.mqtt5 ? refused_5 : refused_3;
        }
    }
    if (hook.mqtt5) {
        out["modifiers"] = json::object{{"topics", std::move(topics)}};
    } else {
        out["topics"] = std::move(topics);
    }
    return wire::to_text(out);
}

}  // namespace berth::hub::foreign
