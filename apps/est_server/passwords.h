// HTTP Basic: who has which password, and how often somebody may guess.
#pragma once

#include "base/result.h"
#include "est_server/attempts.h"

#include <array>
#include <map>
#include <string>

namespace berth::app {

// The file of HTTP Basic's users: lines of NAME:scrypt:..., as `berth est user` writes them. Empty lines and those that begin
// with # are passed over. Error `bad_users`, with the line.
result<std::map<std::string, std::string>> parse_users(std::string_view text);

class passwords {
public:
    explicit passwords(std::map<std::string, std::string> users) : users_(std::move(users)) {}

    // Whose the password is. `encoded`: what follows "Basic "; `from`: who guesses, a neighbourhood. Errors (peer), each with the
    // HTTP status as the parameter "status": `malformed`, `unauthorized`, `too_many_requests`.
    result<std::string> judge(std::string_view encoded, const std::string& from, unix_seconds now);

private:
    // Wrong ones from one address (of IPv6: one /64): comparing one is made to be slow. And from all together: who has many
    // addresses must not keep the server busy with guessing.
    attempts guesses_{5, 300};
    std::map<std::string, std::string> users_;
    // Names whose password was right, with a hash of both: scrypt is made to be slow, and devices come again.
    std::map<std::string, std::array<uint8_t, 32>> known_;
};

}  // namespace berth::app
