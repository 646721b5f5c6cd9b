#include "hub/files/s3.h"

#include "crypto/hash.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace berth::hub {

namespace {

constexpr size_t least_bucket = 3, most_bucket = 63, most_prefix = 256;
constexpr size_t most_told_name = 1'500;  // octets, encoded
constexpr uint64_t most_parts = 10'000, mebi = 1024 * 1024;

bool is_small(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : std::string(1, c);
    }
    return out;
}

std::string unescaped(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, char>, 6> known{
        {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&#34;", '"'}}};
    std::string out;
    while (!text.empty()) {
        const auto* const found = std::ranges::find_if(known, [text](const auto& one) { return text.starts_with(one.first); });
        out += found != known.end() ? found->second : text.front();
        text.remove_prefix(found != known.end() ? found->first.size() : 1);
    }
    return out;
}

}  // namespace

result<void> check_s3_bucket(std::string_view name) {
    const bool good = name.size() >= least_bucket && name.size() <= most_bucket && is_small(name.front()) &&
                      is_small(name.back()) &&
                      std::ranges::all_of(name, [](char c) { return is_small(c) || c == '-' || c == '.'; }) &&
                      name.find("..") == std::string_view::npos;
    return good ? result<void>()
                : fail(error_category::usage, "bad_bucket",
                       "a bucket is called by 3 to 63 lower-case letters, digits, hyphens and dots, as \"acme-device-files\"");
}

result<void> check_s3_prefix(std::string_view prefix) {
    if (prefix.empty()) {
        return {};
    }
    bool good = prefix.size() <= most_prefix && prefix.back() == '/' && std::ranges::all_of(prefix, [](char c) {
                    return is_small(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.' || c == '/';
                });
    for (size_t from = 0; good && from < prefix.size();) {
        const size_t end = prefix.find('/', from);
        const auto level = prefix.substr(from, end - from);
        good = !level.empty() && level != "." && level != "..";
        from = end + 1;
    }
    return good ? result<void>()
                : fail(error_category::usage, "bad_prefix",
                       "a prefix has letters, digits, '-', '_', '.' in levels that end in a slash, as \"hub-1/\"");
}

s3_request make_s3_request(const s3_bucket& in, const s3_asks& what, unix_seconds now) {
    aws_request asked;
    asked.method = what.method;
    asked.path = fmt::format("/{}/{}{}", in.name, in.prefix, what.key);
    asked.query = what.query;
    asked.payload = what.payload.empty() ? to_hex(crypto::sha256({}).view()) : what.payload;
    asked.headers = what.headers;
    asked.headers.emplace_back("Host", in.host);
    asked.headers.emplace_back("x-amz-content-sha256", asked.payload);
    asked.headers.emplace_back("x-amz-date", aws_date(now));
    s3_request out{asked.method, aws_target(asked), asked.headers};
    out.headers.emplace_back("Authorization", aws_authorization(asked, in.by, now));
    return out;
}

aws_request::pairs s3_facts(std::string_view device, std::string_view name) {
    // A header has no octets but ASCII's.
    aws_request::pairs out{{"berth-device", aws_encoded(device, false)}};
    if (auto encoded = aws_encoded(name, true); encoded.size() <= most_told_name) {
        out.emplace_back("berth-name", std::move(encoded));
    }
    return out;
}

s3_verdict judge_s3(s3_operation of, unsigned status, std::string_view body) {
    constexpr unsigned denied = 403, not_found = 404, no_method = 405, too_large = 413, too_many = 429, trouble = 500;
    constexpr unsigned not_implemented = 501;
    constexpr std::array<std::string_view, 4> of_a_file{"EntityTooLarge", "EntityTooSmall", "KeyTooLongError",
                                                        "MetadataTooLarge"};
    const auto code = s3_text(body, "Code").value_or("");
    const bool removes = of == s3_operation::remove || of == s3_operation::give_up;
    if (status >= 200 && status <= 299) {
        return s3_verdict::good;
    }
    // A store without such a request has nothing that could be given up.
    if (of == s3_operation::give_up && (status == no_method || status == not_implemented)) {
        return s3_verdict::missing;
    }
    if (status >= trouble || status == too_many) {
        return s3_verdict::unreachable;
    }
    if (status == not_found) {
        // Any web server says 404: whether it is the object that is not there, only its code tells.
        if (code == "NoSuchUpload") {
            return of == s3_operation::give_up ? s3_verdict::missing : s3_verdict::refused;
        }
        const bool asked = of == s3_operation::get || of == s3_operation::remove;
        return asked && code == "NoSuchKey" ? s3_verdict::missing : s3_verdict::shut;
    }
    if (status == denied) {
        // Whoever may not list a bucket is denied what is not there; and whoever may not remove may still put.
        return removes || (of == s3_operation::get && code == "AccessDenied") ? s3_verdict::refused : s3_verdict::shut;
    }
    if (status < 400) {
        return s3_verdict::shut;
    }
    return status == too_large || std::ranges::find(of_a_file, code) != of_a_file.end() ? s3_verdict::refused_file
                                                                                        : s3_verdict::refused;
}

std::optional<std::string> s3_text(std::string_view xml, std::string_view name) {
    const auto begins = fmt::format("<{}>", name), ends = fmt::format("</{}>", name);
    const size_t from = xml.find(begins);
    const size_t to = from == std::string_view::npos ? from : xml.find(ends, from);
    if (to == std::string_view::npos) {
        return std::nullopt;
    }
    return unescaped(xml.substr(from + begins.size(), to - from - begins.size()));
}

std::string s3_parts_xml(const std::vector<std::string>& etags) {
    std::string out = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    for (size_t i = 0; i < etags.size(); ++i) {
        out += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1, escaped(etags[i]));
    }
    return out + "</CompleteMultipartUpload>";
}

uint64_t s3_part_octets(uint64_t of_file) {
    const uint64_t least = (of_file + most_parts - 1) / most_parts;
    return std::max(s3_at_once, (least + mebi - 1) / mebi * mebi);
}

}  // namespace berth::hub
