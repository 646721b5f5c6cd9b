// What a broker of another make asks over HTTP, whatever words it has for it: may this client come in, may it publish or
// subscribe there. One file for each make reads its requests and writes its answers (emqx.h, vernemq.h); hub/login/ and
// hub/policy/ judge.
#pragma once

#include "base/wipe.h"
#include "hub/policy/policy.h"
#include "pki/certificate.h"
#include "wire/json.h"

#include <string>
#include <vector>

namespace berth::hub::foreign {

inline constexpr size_t most_question = 512 * 1024;  // octets of a request: VerneMQ's has the message in it, in base64
inline constexpr size_t most_word = 8 * 1024;        // of a client id, user name, password or topic
inline constexpr size_t most_certificate = 64 * 1024;
inline constexpr size_t most_topics = 256;  // of one SUBSCRIBE

struct login_question {
    std::string client, user, password, from;
    std::vector<pki::certificate> chain;     // leaf first, whose key the broker's TLS has seen proved
    std::optional<std::string> common_name;  // of a certificate that is not passed on itself

    login_question() = default;
    login_question(const login_question&) = delete;
    login_question(login_question&&) noexcept = default;
    login_question& operator=(const login_question&) = delete;
    login_question& operator=(login_question&&) noexcept = default;
    ~login_question() { wipe(password); }
};

struct topics_question {
    std::string client;
    direction way = direction::publish;
    std::vector<std::string> topics;  // of a publication one
    bool retain = false;
};

// A certificate, or a chain of them, as a broker passes it on: PEM, or base64 of PEM or of one's DER. Empty for an empty text.
// Errors `bad_certificate`, `too_large`.
result<std::vector<pki::certificate>> read_passed_chain(std::string_view text);

// A member's text; "" where it is not there or null. Errors (peer) `bad_json`, `too_large`.
result<std::string> optional_text(const wire::json::object& body, std::string_view name, size_t most = most_word);
// The client id, which must be there. Errors as optional_text().
result<std::string> client_id_of(const wire::json::object& body, std::string_view name);

}  // namespace berth::hub::foreign
