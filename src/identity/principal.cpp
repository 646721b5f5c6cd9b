#include "identity/principal.h"

#include <set>

namespace berth::identity {

namespace {

tl::unexpected<error> bad(const std::string& name, std::string what) {
    return fail(error{error_category::usage, "bad_principal", std::move(what), {{"principal", name}}});
}

bool is_name(std::string_view text) {
    const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    return !text.empty() && text.size() <= 64 && alphanumeric(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char c) { return alphanumeric(c) || c == '-'; });
}

template <class List>
bool has_twice(List list) {
    std::sort(list.begin(), list.end());
    return std::adjacent_find(list.begin(), list.end()) != list.end();
}

result<void> check(const principal& p) {
    constexpr std::string_view rule = "1 to 64 of a-z, 0-9 and hyphen, not beginning with a hyphen";
    if (!is_name(p.name)) {
        return bad(p.name, fmt::format("\"{}\" is no name of a principal: {}", p.name, rule));
    }
    if (p.identities.empty() || p.identities.size() > most_identities) {
        return bad(p.name, fmt::format("{} has {} identities: name 1 to {}", p.name, p.identities.size(), most_identities));
    }
    for (const auto& identity : p.identities) {
        if (!is_name(identity)) {
            return bad(p.name, fmt::format("\"{}\" of {} is no name of an identity: {}", identity, p.name, rule));
        }
    }
    if (has_twice(p.identities) || has_twice(p.may)) {
        return bad(p.name, fmt::format("{} is given the same twice", p.name));
    }
    return {};
}

}  // namespace

std::string_view name_of(key_use use) {
    return use == key_use::sign ? "sign" : "decapsulate";
}

result<key_use> parse_key_use(std::string_view name) {
    for (const auto use : {key_use::sign, key_use::decapsulate}) {
        if (name == name_of(use)) {
            return use;
        }
    }
    return fail(error_category::usage, "bad_principal",
                fmt::format("\"{}\" is nothing that one may do with a key: sign, decapsulate", name));
}

bool principal::has(std::string_view identity) const {
    return std::find(identities.begin(), identities.end(), identity) != identities.end();
}

bool principal::may_use(key_use use) const {
    return std::find(may.begin(), may.end(), use) != may.end();
}

result<void> check_principals(const std::vector<principal>& all) {
    if (all.size() > most_principals) {
        return bad("", fmt::format("{} principals: at most {}", all.size(), most_principals));
    }
    std::set<std::string_view> names;
    std::map<uint32_t, std::string_view> users;
    for (const auto& p : all) {
        BERTH_CHECK(check(p));
        if (!names.insert(p.name).second) {
            return bad(p.name, fmt::format("two principals are called {}", p.name));
        }
        if (const auto [other, fresh] = users.emplace(p.uid, p.name); !fresh) {
            return bad(p.name,
                       fmt::format("{} and {} are both user {}: one user is one principal", other->second, p.name, p.uid));
        }
    }
    return {};
}

}  // namespace berth::identity
