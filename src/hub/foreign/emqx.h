// EMQX 5: its HTTP authenticator and HTTP authorizer, with the bodies that docs/other-brokers.md has it send.
//
//   https://docs.emqx.com/en/emqx/latest/access-control/authn/http.html
//   https://docs.emqx.com/en/emqx/latest/access-control/authz/http.html
//   https://docs.emqx.com/en/emqx/latest/access-control/authn/authn.html    (placeholders)
//
//   authenticator  {"clientid", "username", "password", "peerhost", "cert_pem", "cert_common_name"}
//   authorizer     {"clientid", "action": "publish" or "subscribe", "topic", "retain"}
//   answer         200 {"result": "allow" or "deny"}; of a login also "expire_at" (5.8), when the session ends
//
// `cert_pem` is in EMQX's source and not in its documentation: base64 of the client's certificate. A placeholder without a value
// is an empty text in some versions and "undefined" in others. "ignore" is never said: whoever is not let in here is let in by
// nobody else, nor is "is_superuser".
#pragma once

#include "hub/foreign/question.h"

namespace berth::hub::foreign {

// Errors (peer) `bad_json`, `duplicate_json_member`, `too_large`, `bad_certificate`.
result<login_question> read_emqx_login(std::string_view body);
result<topics_question> read_emqx_topic(std::string_view body);
// `until`: nothing where nobody knows.
std::string emqx_answer(bool allowed, std::optional<unix_seconds> until = std::nullopt);

}  // namespace berth::hub::foreign
