#include "hub/access/policies.h"

#include "base/wipe.h"
#include "wire/base64.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::hub {

namespace {

error bad_line(size_t number, const char* why) {
    return {error_category::usage, "bad_policies", fmt::format("line {} {}", number, why), {{"line", std::to_string(number)}}};
}

secret_bytes draw(random_source& random) {
    secret_bytes out(policy_key_octets);
    random.fill(out.writable());
    return out;
}

std::optional<secret_bytes> key_of(std::string_view text) {
    auto octets = wire::from_base64(text);
    if (!octets || octets->size() != policy_key_octets) {
        return std::nullopt;
    }
    secret_bytes out{bytes_view(*octets)};
    wipe(*octets);
    return out;
}

void append_key(secret_bytes& to, const secret_bytes& key) {
    std::string text = wire::base64(key.reveal());
    to.append(as_bytes(text));
    wipe(text);
}

// The next word of a line, which spaces end.
std::string_view take_word(std::string_view& line) {
    const size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

}  // namespace

result<void> check_policy_name(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-';
    };
    if (name.empty() || name.size() > 64 || !std::ranges::all_of(name, fits)) {
        return fail(error_category::usage, "bad_name", "a policy's name has 1 to 64 letters, digits, '.', '_' and '-'");
    }
    return {};
}

result<policies> policies::parse(bytes_view text) {
    policies out;
    std::string_view rest(reinterpret_cast<const char*>(text.data()), text.size());
    for (size_t number = 1; !rest.empty(); ++number) {
        const size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (line.empty() || line.front() == '#') {
            continue;
        }
        const std::string_view name = take_word(line);
        const auto rights = rights_from(take_word(line));
        auto primary = key_of(take_word(line));
        auto secondary = key_of(take_word(line));
        if (!check_policy_name(name) || !rights || !primary || !secondary || !line.empty()) {
            return fail(bad_line(number, "is not NAME RIGHT,RIGHT KEY KEY"));
        }
        if (out.find(name)) {
            return fail(bad_line(number, "names a policy that is there already"));
        }
        if (out.all_.size() == most_policies) {
            return fail(bad_line(number, "is one too many"));
        }
        out.all_.push_back({std::string(name), *rights, std::move(*primary), std::move(*secondary)});
    }
    return out;
}

secret_bytes policies::to_text() const {
    secret_bytes out;
    for (const auto& one : all_) {
        out.append(as_bytes(fmt::format("{} {} ", one.name, to_string(one.rights))));
        append_key(out, one.primary);
        out.append(as_bytes(std::string_view(" ")));
        append_key(out, one.secondary);
        out.append(as_bytes(std::string_view("\n")));
    }
    return out;
}

const policy* policies::find(std::string_view name) const {
    const auto found = std::ranges::find(all_, name, &policy::name);
    return found != all_.end() ? &*found : nullptr;
}

result<policy*> policies::require(std::string_view name) {
    const auto found = std::ranges::find(all_, name, &policy::name);
    if (found == all_.end()) {
        return fail(error{error_category::usage,
                          "unknown_policy",
                          fmt::format("there is no policy \"{}\"", name.substr(0, 64)),
                          {{"name", std::string(name.substr(0, 64))}}});
    }
    return &*found;
}

result<void> policies::add(std::string name, right_set rights, random_source& random) {
    BERTH_CHECK(check_policy_name(name));
    if (find(name)) {
        return fail(error{
            error_category::usage, "policy_exists", fmt::format("there is a policy \"{}\" already", name), {{"name", name}}});
    }
    if (all_.size() == most_policies) {
        return fail(error_category::usage, "too_many_policies", fmt::format("a hub has up to {} policies", most_policies));
    }
    all_.push_back({std::move(name), rights, draw(random), draw(random)});
    return {};
}

result<void> policies::rotate(std::string_view name, key which, random_source& random) {
    BERTH_TRY(found, require(name));
    (which == key::primary ? found->primary : found->secondary) = draw(random);
    return {};
}

result<void> policies::remove(std::string_view name) {
    BERTH_TRY(found, require(name));
    all_.erase(all_.begin() + (found - all_.data()));
    return {};
}

secret_bytes connection_string(std::string_view host, const policy& of, policies::key which) {
    secret_bytes out;
    out.append(as_bytes(fmt::format("HostName={};SharedAccessKeyName={};SharedAccessKey=", host, of.name)));
    append_key(out, which == policies::key::primary ? of.primary : of.secondary);
    return out;
}

}  // namespace berth::hub
