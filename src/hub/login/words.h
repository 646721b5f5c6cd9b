// What is found out of the user name and password of somebody who logs in by a key that the hub shares with him, as device SDKs
// write them in MQTT's CONNECT:
//
//   user name  HOST/DEVICE[/MODULE]/?api-version=...
//   password   a shared access signature for HOST/devices/DEVICE[/modules/MODULE] (access/sas_token.h)
//
// Whether a key of his made it is for login.h to say.
#pragma once

#include "hub/access/sas_token.h"
#include "hub/login/refusal.h"

#include <optional>

namespace berth::hub {

struct judged_words {
    std::optional<login_refusal> refusal;  // bad_user_name, bad_token, wrong_resource
    std::string why;                       // the same as a sentence, for logs; quotes nothing of the password
    std::string host;                      // that both say, in lower case, without its port
    sas_token token;
};

// `claimed`: the client id. Never fails: what it finds is in the answer.
judged_words judge_words(std::string_view claimed, std::string_view user_name, std::string_view password);

}  // namespace berth::hub
