#include "hub/foreign/emqx.h"

namespace berth::hub::foreign {

namespace {

constexpr std::string_view no_value = "undefined";

result<std::string> placeholder(const wire::json::object& body, std::string_view name, size_t most = most_word) {
    BERTH_TRY(text, optional_text(body, name, most));
    return text == no_value ? std::string() : std::move(text);
}

result<bool> read_retain(const wire::json::object& body) {
    const auto* const found = body.if_contains("retain");
    if (found == nullptr || found->is_null()) {
        return false;
    }
    if (found->is_bool()) {
        return found->get_bool();
    }
    BERTH_TRY(text, optional_text(body, "retain"));
    if (text == "true" || text == "1") {
        return true;
    }
    if (text.empty() || text == "false" || text == "0" || text == no_value) {
        return false;
    }
    return fail(error_category::peer, "bad_json", "\"retain\" is neither true nor false");
}

}  // namespace

result<login_question> read_emqx_login(std::string_view body) {
    BERTH_TRY(object, wire::parse_json_object(body, most_question));
    login_question out;
    // A client may well be called "undefined".
    BERTH_TRY(client, client_id_of(object, "clientid"));
    out.client = std::move(client);
    BERTH_TRY(user, placeholder(object, "username"));
    out.user = std::move(user);
    BERTH_TRY(password, placeholder(object, "password"));
    out.password = std::move(password);
    BERTH_TRY(from, placeholder(object, "peerhost"));
    out.from = std::move(from);
    BERTH_TRY(certificate, placeholder(object, "cert_pem", most_certificate));
    BERTH_TRY(chain, read_passed_chain(certificate));
    out.chain = std::move(chain);
    BERTH_TRY(common_name, placeholder(object, "cert_common_name"));
    if (!common_name.empty()) {
        out.common_name = std::move(common_name);
    }
    return out;
}

result<topics_question> read_emqx_topic(std::string_view body) {
    BERTH_TRY(object, wire::parse_json_object(body, most_question));
    topics_question out;
    BERTH_TRY(client, wire::text_member(object, "clientid"));
    out.client = std::move(client);
    BERTH_TRY(action, wire::text_member(object, "action"));
    if (action != "publish" && action != "subscribe") {
        return fail(error_category::peer, "bad_json", "\"action\" is neither publish nor subscribe");
    }
    out.way = action == "publish" ? direction::publish : direction::subscribe;
    BERTH_TRY(topic, wire::text_member(object, "topic"));
    out.topics.push_back(std::move(topic));
    BERTH_TRY(retain, read_retain(object));
    out.retain = retain;
    return out;
}

std::string emqx_answer(bool allowed, std::optional<unix_seconds> until) {
    wire::json::object out{{"result", allowed ? "allow" : "deny"}};
    if (allowed && until) {
        out["expire_at"] = *until;
    }
    return wire::to_text(out);
}

}  // namespace berth::hub::foreign
