#include "est/body.h"

#include "base/wipe.h"
#include "wire/base64.h"

namespace berth::est {

namespace {

// A hyphen is no letter of base64: no line of a part can be this one.
constexpr std::string_view boundary = "berth-est-part";

tl::unexpected<error> too_large(size_t most) {
    return fail(error_category::peer, "too_large", fmt::format("The body has more than {} octets.", most));
}

tl::unexpected<error> bad_multipart(std::string why) {
    return fail(error_category::peer, "bad_multipart", "The answer with a generated key cannot be read: " + std::move(why) + ".");
}

bool is_white(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// One line off the front, without its end (CRLF or LF).
std::string_view take_line(std::string_view& text) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    return line;
}

std::string part(std::string_view content_type, const std::string& body) {
    return fmt::format("--{}\r\nContent-Type: {}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n", boundary, content_type,
                       body);
}

// What stands between the boundaries.
result<std::vector<std::string>> split(std::string_view mark, std::string_view body) {
    std::vector<std::string> parts;
    bool inside = false;
    std::string open = "--" + std::string(mark);
    std::string close = open + "--";
    while (!body.empty()) {
        const std::string_view line = take_line(body);
        std::string_view bare = line;
        while (!bare.empty() && is_white(bare.back())) {
            bare.remove_suffix(1);
        }
        if (bare == close) {
            if (!inside) {
                return bad_multipart("it ends before it begins");
            }
            return parts;
        }
        if (bare == open) {
            if (parts.size() == 4) {
                return bad_multipart("it has too many parts");
            }
            parts.emplace_back();
            inside = true;
        } else if (inside) {
            parts.back().append(line).push_back('\n');
        }
    }
    return bad_multipart("its last boundary is missing");
}

}  // namespace

framing framing_for(std::string_view user_agent) {
    return same_word(user_agent.substr(0, 6), "libest") ? framing::lines_76 : framing::one_line;
}

std::string framed(bytes_view der, framing f) {
    const std::string line = wire::base64(der);
    const size_t width = f == framing::lines_76 ? 76 : f == framing::lines_64 ? 64 : std::max<size_t>(line.size(), 1);
    std::string out;
    out.reserve(line.size() + line.size() / width + 1);
    for (size_t at = 0; at < line.size(); at += width) {
        out.append(line, at, width).push_back('\n');
    }
    return out;
}

result<bytes> unframed(std::string_view body, size_t most) {
    if (body.size() > most) {
        return too_large(most);
    }
    std::string packed;
    packed.reserve(body.size());
    std::ranges::copy_if(body, std::back_inserter(packed), [](char c) { return !is_white(c); });
    auto out = wire::from_base64(packed);
    wipe(packed);  // it may be a private key
    if (!out) {
        return fail(error_category::peer, "bad_base64", "The body is not base64 (RFC 8951): " + out.error().message + ".");
    }
    if (out->empty()) {
        return fail(error_category::peer, "bad_base64", "The body is empty.");
    }
    return std::move(*out);
}

http_response multipart_of(const generated_parts& parts, framing f) {
    http_response out;
    out.headers.add("Content-Type", fmt::format("{}; boundary={}", type::multipart, boundary));
    // RFC 7030 4.4.2: "If additional encryption is not being employed, the private key data MUST be placed in an
    // 'application/pkcs8'."
    out.body = part(type::pkcs8, framed(parts.pkcs8.reveal(), f)) + part(type::certs_only, framed(parts.certs_only, f)) +
               fmt::format("--{}--\r\n", boundary);
    return out;
}

namespace {

// One of the parts is a private key.
struct wiper {
    std::vector<std::string>& texts;
    ~wiper() {
        std::ranges::for_each(texts, [](std::string& text) { wipe(text); });
    }
};

}  // namespace

result<generated_parts> read_multipart(const media_type& type, std::string_view body) {
    const std::string_view mark = type.parameter("boundary");
    // RFC 2046 5.1.1: 1 to 70 characters.
    if (type.type != type::multipart || mark.empty() || mark.size() > 70) {
        return bad_multipart("it is not multipart/mixed with a boundary");
    }
    if (body.size() > most_response) {
        return too_large(most_response);
    }
    BERTH_TRY(parts, split(mark, body));
    const wiper keep_no_copies{parts};
    // RFC 7030 4.4.2: "The response is a 'multipart/mixed' with boundary set to a value [...] containing two parts".
    if (parts.size() != 2) {
        return bad_multipart(fmt::format("it has {} parts, not two", parts.size()));
    }
    generated_parts out;
    for (const std::string& one : parts) {
        std::string_view rest = one;
        std::optional<media_type> kind;
        for (std::string_view line = take_line(rest); !line.empty(); line = take_line(rest)) {
            const size_t colon = line.find(':');
            if (colon != std::string_view::npos && same_word(line.substr(0, colon), "Content-Type")) {
                kind = parse_media_type(line.substr(colon + 1));
            }
        }
        BERTH_TRY(octets, unframed(rest, most_response));
        if (kind && kind->type == type::pkcs8 && out.pkcs8.empty()) {
            out.pkcs8 = secret_bytes(octets);
            wipe(octets);
        } else if (kind && kind->type == type::pkcs7 && out.certs_only.empty() &&
                   !same_word(kind->parameter("smime-type"), "server-generated-key")) {
            out.certs_only = std::move(octets);
        } else {
            return bad_multipart("a part is there twice, is encrypted, or is neither key nor certificate");
        }
    }
    return out;
}

}  // namespace berth::est
