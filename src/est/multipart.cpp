#include "est/multipart.h"

#include "base/wipe.h"

namespace berth::est {

namespace {

// A hyphen is no letter of base64: no line of a part can be this one.
constexpr std::string_view boundary = "berth-est-part";

tl::unexpected<error> bad_multipart(std::string why) {
    return fail(error_category::peer, "bad_multipart", "The body in several parts cannot be read: " + std::move(why) + ".");
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

// What stands between the boundaries: views of the body.
result<std::vector<std::string_view>> split(std::string_view mark, std::string_view body, size_t most_parts) {
    std::vector<std::string_view> parts;
    const char* begun = nullptr;
    const std::string open = "--" + std::string(mark);
    const std::string close = open + "--";
    while (!body.empty()) {
        const char* const here = body.data();
        std::string_view bare = take_line(body);
        while (!bare.empty() && is_white(bare.back())) {
            bare.remove_suffix(1);
        }
        const bool closes = bare == close;
        if (!closes && bare != open) {
            continue;
        }
        if (begun != nullptr) {
            parts.emplace_back(begun, static_cast<size_t>(here - begun));
        } else if (closes) {
            return bad_multipart("it ends before it begins");
        }
        if (closes) {
            return parts;
        }
        if (parts.size() == most_parts) {
            return bad_multipart("it has too many parts");
        }
        begun = body.data();
    }
    return bad_multipart("its last boundary is missing");
}

}  // namespace

result<std::vector<body_part>> read_parts(const media_type& type, std::string_view body, size_t most_parts, size_t most_octets) {
    const std::string_view mark = type.parameter("boundary");
    // RFC 2046 5.1.1: 1 to 70 characters.
    if (type.type != type::multipart || mark.empty() || mark.size() > 70) {
        return bad_multipart("it is not multipart/mixed with a boundary");
    }
    if (body.size() > most_octets) {
        return fail(error_category::peer, "too_large", fmt::format("The body has more than {} octets.", most_octets));
    }
    BERTH_TRY(texts, split(mark, body, most_parts));
    std::vector<body_part> out;
    for (std::string_view rest : texts) {
        std::optional<media_type> kind;
        for (std::string_view line = take_line(rest); !line.empty(); line = take_line(rest)) {
            const size_t colon = line.find(':');
            if (colon != std::string_view::npos && same_word(line.substr(0, colon), "Content-Type")) {
                kind = parse_media_type(line.substr(colon + 1));
            }
        }
        if (!kind) {
            return bad_multipart("a part does not say what it is");
        }
        BERTH_TRY(octets, unframed(rest, most_octets));
        out.push_back({std::move(*kind), secret_bytes(octets)});
        wipe(octets);
    }
    return out;
}

void body_writer::add(std::string_view content_type, bytes_view octets) {
    std::string base64 = framed(octets, how_);
    text_ += fmt::format("--{}\r\nContent-Type: {}\r\nContent-Transfer-Encoding: base64\r\n\r\n", boundary, content_type);
    text_ += base64;
    text_ += "\r\n";
    wipe(base64);
}

std::string body_writer::content_type() {
    return fmt::format("{}; boundary={}", type::multipart, boundary);
}

std::string body_writer::take() {
    return std::move(text_) + fmt::format("--{}--\r\n", boundary);
}

}  // namespace berth::est
