#include "est_server/passwords.h"

#include "base/wipe.h"
#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "crypto/password.h"
#include "wire/base64.h"

namespace berth::app {

namespace {

constexpr size_t most_known = 10'000;
// Wrong passwords from one address (of IPv6: one /64) within a minute: comparing one is made to be slow.
constexpr uint32_t most_guesses = 5;
// From all addresses together: who has many of them must not keep the server busy with guessing.
constexpr uint32_t most_guesses_of_all = 300;
constexpr unix_seconds guesses_count_for = 60;

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

bool passwords::may_guess(const std::string& from, unix_seconds now) {
    if (guesses_.size() >= most_known) {
        std::erase_if(guesses_, [&](const auto& each) { return each.second.until <= now; });
    }
    if (all_guesses_.until > now && all_guesses_.count >= most_guesses_of_all) {
        return false;
    }
    const auto at = guesses_.find(from);
    return at == guesses_.end() || at->second.until <= now || at->second.count < most_guesses;
}

void passwords::count_guess(const std::string& from, unix_seconds now) {
    for (auto* const each : {&guesses_[from], &all_guesses_}) {
        if (each->until <= now) {
            *each = {0, now + guesses_count_for};
        }
        ++each->count;
    }
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
        if (!may_guess(from, now)) {
            return refuse("too_many_requests", "429", "Too many wrong passwords: come again in a minute.");
        }
        BERTH_TRY(matches, crypto::password_matches(password, user != users_.end() ? user->second : nobodys_record));
        right = matches && user != users_.end();
    }
    if (!right) {
        count_guess(from, now);
        return refuse("unauthorized", "401", "The name or the password is wrong.");
    }
    if (known_.size() >= most_known) {
        known_.clear();
    }
    known_.insert_or_assign(name, to_array<32>(digest.view()));
    return name;
}

}  // namespace berth::app
