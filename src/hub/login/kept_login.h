// By what somebody was let in, kept beside what he was given then: whether it still counts is judged again each time that he uses
// it, by the registry of that moment. It is text for a column of a store, and has nothing secret.
#pragma once

#include "hub/login/login.h"

namespace berth::hub {

struct kept_login {
    judged_chain chain;                          // of a certificate: what login_trust and the registry judge it by, no more
    std::optional<std::array<uint8_t, 32>> key;  // SHA-256 of the shared key that made the token, of who logged in by key
};

// Of `who`, whom judge_login() has let in by these just now. Errors of the registry.
result<kept_login> keep_login(registry::hub_registry& hub, const registry::identity& who, const judged_chain& chain,
                              const judged_words* words, unix_seconds now);

std::string to_text(const kept_login& of);
// Error `bad_json` (usage).
result<kept_login> parse_kept_login(std::string_view text);

// As judge_login(). A token by which somebody came may have ended since, a certificate may not; what CAs have revoked is for the
// caller to ask of login_trust.
login_answer judge_kept_login(registry::hub_registry& hub, const kept_login& by, std::string_view claimed, unix_seconds now);

}  // namespace berth::hub
