// The provisioning service over MQTT 3.1.1 and 5, as device SDKs use it:
//
//   CONNECT    client id ID, user name "SCOPE/registrations/ID/api-version=...&ClientVersion=..."
//   SUBSCRIBE  $dps/registrations/res/#
//   PUBLISH    $dps/registrations/PUT/iotdps-register/?$rid=RID                                {"registrationId": ID, ...}
//           -> $dps/registrations/res/202/?$rid=RID&retry-after=SECONDS                        {"operationId", "status"}
//   PUBLISH    $dps/registrations/GET/iotdps-get-operationstatus/?$rid=RID&operationId=OP      (anything)
//           -> $dps/registrations/res/200/?$rid=RID                                            {"operationId", ...}
//
// A broker looks after the session; whoever connects it to the service keeps the caller with it.
#pragma once

#include "provisioning/service.h"

namespace berth::provisioning {

struct mqtt_user {
    std::string scope, registration_id, api_version;
};

// Error (peer) `bad_user_name`, which quotes nothing of it.
result<mqtt_user> parse_mqtt_user(std::string_view user_name);
// Whether CONNECT is to be accepted: the user name, that the client id is the registration id, and service::refuses(). `who`
// without its scope. Nothing to do with passwords: one that is sent is a key, and keys are refused (error `shared_keys_refused`).
result<mqtt_user> judge_mqtt_connect(service& to, caller who, std::string_view client_id, std::string_view user_name,
                                     bool has_password, unix_seconds now);

// The only filter.
bool may_subscribe(std::string_view filter);

struct mqtt_message {
    std::string topic, payload;
};
// What a session's message is answered by, to that session alone (QoS 1). Nothing: the topic is not one to publish to, and the
// session is to be ended.
std::optional<mqtt_message> answer_mqtt(service& to, const caller& who, std::string_view registration_id, std::string_view topic,
                                        std::string_view payload, unix_seconds now);

// "$dps/registrations/PUT/iotdps-register/?$rid=..." and the other one, taken apart.
struct mqtt_request {
    enum class kind : uint8_t { begin, status } what = kind::begin;
    std::string rid;        // as it was sent: 1 to 128 characters that stand for themselves in a topic
    std::string operation;  // of status
};
std::optional<mqtt_request> parse_mqtt_topic(std::string_view topic);

}  // namespace berth::provisioning
