// HTTP Basic: who has which password, and how often somebody may guess.
#pragma once

#include "base/clock.h"
#include "base/result.h"

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
    bool may_guess(const std::string& from, unix_seconds now);
    void count_guess(const std::string& from, unix_seconds now);

    std::map<std::string, std::string> users_;
    // Names whose password was right, with a hash of both: scrypt is made to be slow, and devices come again.
    std::map<std::string, std::array<uint8_t, 32>> known_;
    struct guesses {
        uint32_t count = 0;
        unix_seconds until = 0;
    };
    std::map<std::string, guesses> guesses_;
    guesses all_guesses_;  // of all addresses together
};

}  // namespace berth::app
