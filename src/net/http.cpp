#include "net/http.h"

#include <charconv>

namespace berth::net {

namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10 : -1;
}

unsigned status_for(error_category category) {
    switch (category) {
    case error_category::peer: return 403;
    case error_category::incompatible:
    case error_category::usage: return 400;
    case error_category::environment: return 503;
    case error_category::internal: break;
    }
    return 500;
}

struct scheme {
    std::string_view name;
    transport_kind transport;
    uint16_t port;
};
constexpr std::array schemes{scheme{"http://", transport_kind::plain, 80}, scheme{"https://", transport_kind::tls, 443},
                             scheme{"authkem://", transport_kind::authkem, 443}};

}  // namespace

std::string_view name_of(transport_kind kind) {
    switch (kind) {
    case transport_kind::plain: return "plain";
    case transport_kind::tls: return "tls";
    case transport_kind::authkem: return "authkem";
    case transport_kind::local: return "local";
    }
    return "unknown";
}

std::string_view http_headers::get(std::string_view name) const {
    const auto found = std::find_if(fields_.begin(), fields_.end(), [&](const field& f) { return same_name(f.first, name); });
    return found == fields_.end() ? std::string_view() : found->second;
}

bool http_headers::has(std::string_view name) const {
    return std::any_of(fields_.begin(), fields_.end(), [&](const field& f) { return same_name(f.first, name); });
}

void http_headers::remove(std::string_view name) {
    std::erase_if(fields_, [&](const field& f) { return same_name(f.first, name); });
}

void http_headers::set(std::string_view name, std::string value) {
    remove(name);
    add(std::string(name), std::move(value));
}

std::string http_request::content_type() const {
    std::string_view value = headers.get("content-type");
    value = value.substr(0, value.find(';'));
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) {
        value.remove_suffix(1);
    }
    std::string out(value);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

http_response http_response::text(unsigned status, std::string text, std::string type) {
    return {status, {{"Content-Type", std::move(type)}}, std::move(text)};
}

http_response http_response::json(unsigned status, const wire::json::value& value) {
    return {status, {{"Content-Type", "application/json"}}, wire::to_text(value) + "\n"};
}

http_response http_response::failure(const error& e, unsigned status) {
    wire::json::object params;
    for (const auto& [key, value] : e.params) {
        params[key] = value;
    }
    return json(status ? status : status_for(e.category),
                wire::json::object{{"error", wire::json::object{{"name", e.name},
                                                                {"category", std::string(to_string(e.category))},
                                                                {"message", e.message},
                                                                {"params", std::move(params)}}}});
}

result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            const int high = i + 2 < text.size() ? digit(text[i + 1]) : -1;
            const int low = high >= 0 ? digit(text[i + 2]) : -1;
            if (low < 0 || high * 16 + low == 0) {
                return fail(error_category::usage, "malformed", "a percent-encoding in the address is malformed");
            }
            out.push_back(static_cast<char>(high * 16 + low));
            i += 2;
        } else if (text[i] == '\0') {
            return fail(error_category::usage, "malformed", "the address holds an octet of zero");
        } else {
            out.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
        }
    }
    return out;
}

std::string percent_encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain =
            (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

result<std::map<std::string, std::string>> parse_query(std::string_view query) {
    std::map<std::string, std::string> out;
    while (!query.empty()) {
        const std::string_view part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), part.size() + 1));
        if (part.empty()) {
            continue;
        }
        const size_t equals = part.find('=');
        BERTH_TRY(name, percent_decode(part.substr(0, equals), true));
        BERTH_TRY(value, percent_decode(equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1), true));
        out[std::move(name)] = std::move(value);
    }
    return out;
}

result<http_url> parse_url(std::string_view text) {
    const auto bad = [&] {
        return fail(error{error_category::usage,
                          "bad_url",
                          fmt::format("\"{}\" is not an address; write https://host:port/path", text),
                          {{"url", std::string(text)}}});
    };
    const auto* const found =
        std::find_if(schemes.begin(), schemes.end(), [&](const scheme& s) { return text.starts_with(s.name); });
    if (found == schemes.end() || text.find('#') != std::string_view::npos) {
        return bad();
    }
    const std::string_view rest = text.substr(found->name.size());
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
    std::string_view target = rest.substr(authority.size());
    const auto plain_octets = [](std::string_view t) {
        return std::all_of(t.begin(), t.end(), [](char c) { return c > ' ' && c < 0x7f; });
    };
    if (authority.empty() || authority.find('@') != std::string_view::npos || !plain_octets(rest)) {
        return bad();
    }
    http_url out;
    out.transport = found->transport;
    const bool has_port = authority.back() != ']' && authority.rfind(':') != std::string_view::npos;
    auto host = parse_address(has_port ? std::string(authority) : fmt::format("{}:{}", authority, found->port));
    if (!host) {
        return bad();
    }
    out.host = std::move(*host);
    out.target = target.empty() ? "/" : target.front() == '?' ? '/' + std::string(target) : std::string(target);
    return out;
}

}  // namespace berth::net
