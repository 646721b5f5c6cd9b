#include "hub/login/words.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::hub {

namespace {

constexpr size_t most_host = 253 + sizeof ":65535" - 1;

judged_words refused(login_refusal r, std::string why) {
    judged_words out;
    out.refusal = r;
    out.why = std::move(why);
    return out;
}

// In lower case and without its port.
std::string host_of(std::string_view text) {
    const size_t inner = text.starts_with('[') ? std::min(text.find(']'), text.size()) : 0;
    std::string out(text.substr(0, text.find(':', inner)));
    std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

// "dev1/mod1": "devices/dev1/modules/mod1".
std::string path_of(std::string_view claimed) {
    const size_t slash = claimed.find('/');
    return slash == claimed.npos ? fmt::format("devices/{}", claimed)
                                 : fmt::format("devices/{}/modules/{}", claimed.substr(0, slash), claimed.substr(slash + 1));
}

// Takes `front` off; false: it does not begin so.
bool take(std::string_view& text, std::string_view front) {
    const bool there = text.starts_with(front);
    text.remove_prefix(there ? front.size() : 0);
    return there;
}

}  // namespace

judged_words judge_words(std::string_view claimed, std::string_view user_name, std::string_view password) {
    const size_t slash = user_name.find('/');
    if (slash == user_name.npos || slash == 0 || slash > most_host) {
        return refused(login_refusal::bad_user_name, "The user name is not HOST/NAME/?api-version=...");
    }
    const std::string host = host_of(user_name.substr(0, slash));
    std::string_view rest = user_name.substr(slash + 1);
    if (!take(rest, claimed) || !take(rest, "/?") ||
        (!rest.starts_with("api-version=") && rest.find("&api-version=") == rest.npos)) {
        return refused(login_refusal::bad_user_name,
                       "The user name is not HOST/NAME/?api-version=..., or NAME in it is not the client id.");
    }
    auto token = sas_token::parse(password);
    if (!token) {
        return refused(login_refusal::bad_token, token.error().message);
    }
    if (!token->policy.empty()) {
        return refused(login_refusal::bad_token, "The shared access signature is by a policy's key: devices have their own.");
    }
    // Exactly its own: neither what is above it nor what is below.
    const std::string_view resource = token->resource;
    const size_t end = std::min(resource.find('/'), resource.size());
    if (host_of(resource.substr(0, end)) != host || resource.substr(std::min(end + 1, resource.size())) != path_of(claimed)) {
        return refused(login_refusal::wrong_resource,
                       fmt::format("The shared access signature is not for {}/{}.", host, path_of(claimed)));
    }
    judged_words out;
    out.host = host;
    out.token = std::move(*token);
    return out;
}

}  // namespace berth::hub
