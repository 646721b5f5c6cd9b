#include "est_server/passwords.h"

#include "base/wipe.h"
#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "crypto/password.h"
#include "wire/base64.h"

namespace berth::app {

namespace {

constexpr size_t most_known = 10'000;
// Comparing with this takes as long as with somebody's: names that are there and others look alike.
constexpr std::string_view nobodys_record =
    "scrypt:15:8:1:00000000000000000000000000000000:0000000000000000000000000000000000000000000000000000000000000000";

tl::unexpected<error> refuse(const char* name, const char* status, std::string what) {
    return fail(error{error_category::peer, name, std::move(what), {{"status", status}}});
}

}  // namespace

result<std::map<std::string, std::string>> parse_users(std::string_view text) {
    std::map<std::string, std::string> out;
    size_t number = 0;
    while (!text.empty()) {
        ++number;
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.empty() || line.front() == '#') {
            continue;
        }
        const size_t colon = line.find(':');
        const bool shaped =
            colon != std::string_view::npos && colon > 0 && crypto::check_password_record(line.substr(colon + 1)).has_value();
        if (!shaped || !out.emplace(line.substr(0, colon), line.substr(colon + 1)).second) {
            return fail(error{error_category::usage, "bad_users",
                              fmt::format("line {}: {}", number,
                                          shaped ? "this name was there already"
                                                 : "it is not NAME:scrypt:...; "
                                                   "berth est user writes such lines")}
                            .with("line", std::to_string(number)));
        }
    }
    return out;
}

result<std::string> passwords::judge(std::string_view encoded, const std::string& from, unix_seconds now) {
    auto both = wire::from_base64(encoded);
    const std::string_view text = both ? as_text(*both) : "";
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) {
        return refuse("malformed", "400", "The Authorization field is not one of HTTP Basic.");
    }
    const std::string name(text.substr(0, colon));
    const secret_bytes password(as_bytes(text.substr(colon + 1)));
    const auto digest = crypto::sha256(*both);
    wipe(*both);
    const auto user = users_.find(name);
    const auto known = known_.find(name);
    bool right = user != users_.end() && known != known_.end() && crypto::equal(known->second, digest.view());
    if (!right) {
        if (!guesses_.may(from, now)) {
            return refuse("too_many_requests", "429", "Too many wrong passwords: come again in a minute.");
        }
        BERTH_TRY(matches, crypto::password_matches(password, user != users_.end() ? user->second : nobodys_record));
        right = matches && user != users_.end();
    }
    if (!right) {
        guesses_.count(from, now);
        return refuse("unauthorized", "401", "The name or the password is wrong.");
    }
    if (known_.size() >= most_known) {
        known_.clear();
    }
    known_.insert_or_assign(name, to_array<32>(digest.view()));
    return name;
}

}  // namespace berth::app
