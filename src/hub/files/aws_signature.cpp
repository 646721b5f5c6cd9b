#include "hub/files/aws_signature.h"

#include "crypto/hash.h"

#include <algorithm>
#include <array>
#include <ctime>

#include <fmt/format.h>

namespace berth::hub {

namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256", ending = "aws4_request";

bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

// Blanks around it go, and of several in a row all but one.
std::string trimmed(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c != ' ' || (!out.empty() && out.back() != ' ')) {
            out += c;
        }
    }
    while (!out.empty() && out.back() == ' ') {
        out.pop_back();
    }
    return out;
}

std::string sorted_query(const aws_request::pairs& query) {
    aws_request::pairs all;
    for (const auto& [name, value] : query) {
        all.emplace_back(aws_encoded(name, false), aws_encoded(value, false));
    }
    std::ranges::sort(all);
    std::string out;
    for (const auto& [name, value] : all) {
        out.append(out.empty() ? "" : "&").append(name).append("=").append(value);
    }
    return out;
}

crypto::digest mac(bytes_view key, std::string_view text) {
    return crypto::hmac(crypto::hash_algorithm::sha256, key, as_bytes(text));
}

secret_bytes kept(crypto::digest from) {
    secret_bytes out(from.view());
    explicit_bzero(from.data(), from.size());
    return out;
}

secret_bytes signing_key(const aws_credential& by, std::string_view day) {
    secret_bytes key(as_bytes(std::string_view("AWS4")));
    key.append(by.secret.reveal());
    for (const std::string_view part : {day, std::string_view(by.region), std::string_view(by.service), ending}) {
        key = kept(mac(key.reveal(), part));
    }
    return key;
}

}  // namespace

std::string aws_encoded(std::string_view text, bool is_path) {
    std::string out;
    for (const char c : text) {
        if (is_unreserved(c) || (is_path && c == '/')) {
            out += c;
        } else {
            out += fmt::format("%{:02X}", static_cast<uint8_t>(c));
        }
    }
    return out;
}

std::string aws_target(const aws_request& of) {
    const auto query = sorted_query(of.query);
    return aws_encoded(of.path, true) + (query.empty() ? "" : "?" + query);
}

std::string aws_date(unix_seconds time) {
    const std::time_t seconds = time;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 24> out{};
    const size_t size = std::strftime(out.data(), out.size(), "%Y%m%dT%H%M%SZ", &parts);
    return {out.data(), size};
}

std::string aws_authorization(const aws_request& of, const aws_credential& by, unix_seconds now) {
    aws_request::pairs headers;
    for (const auto& [name, value] : of.headers) {
        headers.emplace_back(lower(name), trimmed(value));
    }
    std::ranges::sort(headers);
    std::string lines, names;
    for (const auto& [name, value] : headers) {
        lines.append(name).append(":").append(value).append("\n");
        names.append(names.empty() ? "" : ";").append(name);
    }
    const auto canonical = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", of.method, aws_encoded(of.path, true), sorted_query(of.query),
                                       lines, names, of.payload);
    const auto date = aws_date(now);
    const auto day = date.substr(0, 8);
    const auto scope = fmt::format("{}/{}/{}/{}", day, by.region, by.service, ending);
    const auto to_sign =
        fmt::format("{}\n{}\n{}\n{}", algorithm, date, scope, to_hex(crypto::sha256(as_bytes(canonical)).view()));
    const auto key = signing_key(by, day);
    return fmt::format("{} Credential={}/{},SignedHeaders={},Signature={}", algorithm, by.id, scope, names,
                       to_hex(mac(key.reveal(), to_sign).view()));
}

}  // namespace berth::hub
