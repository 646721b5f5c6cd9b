// VerneMQ: the webhooks auth_on_register, auth_on_publish and auth_on_subscribe of its plugin vmq_webhooks, and the same of MQTT
// 5
// (..._m5). Which of them asks stands in the header "vernemq-hook".
//
//   https://docs.vernemq.com/plugin-development/webhookplugins
//
//   register   {"peer_addr", "username", "password", "client_id", ...}
//   publish    {"client_id", "topic", "retain", ...}            the message is not looked at
//   subscribe  {"client_id", "topics": [{"topic", "qos"}, ...], ...}
//   answer     200 {"result": "ok"}, with changes; or {"result": {"error": "not_allowed"}}
//
// Certificates are not passed on. Where the listener says `use_identity_as_username`, the user name is the common name of one
// that the broker has verified.
#pragma once

#include "hub/foreign/question.h"

namespace berth::hub::foreign {

struct vernemq_hook {
    enum class kind : uint8_t { login, publish, subscribe };
    kind what = kind::login;
    bool mqtt5 = false;
};
// Nothing: none that is answered here.
std::optional<vernemq_hook> vernemq_hook_from(std::string_view header);

// Errors (peer) `bad_json`, `duplicate_json_member`, `too_large`.
result<login_question> read_vernemq_login(std::string_view body);
result<topics_question> read_vernemq_topics(std::string_view body, const vernemq_hook& hook);

std::string vernemq_refusal();
std::string vernemq_welcome();
// A publication that is allowed. `told`: the topic that it is to go to, without RETAIN; empty: as it is.
std::string vernemq_publication(const std::string& told);
// Which of the topics are allowed, one for each. `body` is the request.
std::string vernemq_subscription(std::string_view body, const std::vector<bool>& allowed, const vernemq_hook& hook);

}  // namespace berth::hub::foreign
