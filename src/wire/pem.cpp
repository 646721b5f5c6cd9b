#include "wire/pem.h"

#include "base/wipe.h"
#include "wire/base64.h"

namespace berth::wire {

namespace {

constexpr std::string_view begin_mark = "-----BEGIN ";
constexpr std::string_view end_mark = "-----END ";
constexpr std::string_view dashes = "-----";

tl::unexpected<error> bad(std::string why) {
    return fail(error_category::usage, "bad_pem", "the PEM text is not well formed: " + std::move(why));
}

std::string_view next_line(std::string_view& text) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) {
        line.remove_suffix(1);
    }
    return line;
}

// The label of "-----BEGIN label-----", or nothing.
std::optional<std::string_view> boundary(std::string_view line, std::string_view mark) {
    if (!line.starts_with(mark) || !line.ends_with(dashes) || line.size() < mark.size() + dashes.size()) {
        return std::nullopt;
    }
    return line.substr(mark.size(), line.size() - mark.size() - dashes.size());
}

}  // namespace

std::string to_pem(std::string_view label, bytes_view der) {
    const std::string body = base64(der);
    std::string out = fmt::format("-----BEGIN {}-----\n", label);
    for (size_t i = 0; i < body.size(); i += 64) {
        out += body.substr(i, 64);
        out += '\n';
    }
    return out + fmt::format("-----END {}-----\n", label);
}

result<std::vector<pem_block>> from_pem(std::string_view text) {
    std::vector<pem_block> blocks;
    std::optional<std::string> open;
    std::string body;
    while (!text.empty()) {
        const std::string_view line = next_line(text);
        if (const auto label = boundary(line, begin_mark)) {
            if (open) {
                return bad("a block begins inside another");
            }
            open = std::string(*label);
            body.clear();
        } else if (const auto end = boundary(line, end_mark)) {
            if (!open || *open != *end) {
                return bad("an END line does not match its BEGIN line");
            }
            auto der = from_base64(body);
            if (!der) {
                return bad(der.error().message);
            }
            blocks.push_back({*open, secret_bytes(*der)});
            wipe(*der);
            wipe(body);
            open.reset();
        } else if (open) {
            body += line;
        }
    }
    if (open) {
        return bad("the last block has no END line");
    }
    return blocks;
}

}  // namespace berth::wire
