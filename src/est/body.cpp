#include "est/body.h"

#include "base/wipe.h"
#include "est/multipart.h"
#include "wire/base64.h"

namespace berth::est {

namespace {

tl::unexpected<error> too_large(size_t most) {
    return fail(error_category::peer, "too_large", fmt::format("The body has more than {} octets.", most));
}

tl::unexpected<error> bad_multipart(std::string why) {
    return fail(error_category::peer, "bad_multipart", "The answer with a generated key cannot be read: " + std::move(why) + ".");
}

bool is_white(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
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
    body_writer body(f);
    // RFC 7030 4.4.2: a key without encryption of its own is application/pkcs8.
    body.add(type::pkcs8, parts.pkcs8.reveal());
    body.add(type::certs_only, parts.certs_only);
    http_response out;
    out.headers.add("Content-Type", body_writer::content_type());
    out.body = body.take();
    return out;
}

result<generated_parts> read_multipart(const media_type& type, std::string_view body) {
    BERTH_TRY(parts, read_parts(type, body, 4, most_response));
    // RFC 7030 4.4.2: one part with the key, one with the certificate.
    if (parts.size() != 2) {
        return bad_multipart(fmt::format("it has {} parts, not two", parts.size()));
    }
    generated_parts out;
    for (auto& [kind, octets] : parts) {
        if (kind.type == type::pkcs8 && out.pkcs8.empty()) {
            out.pkcs8 = std::move(octets);
        } else if (kind.type == type::pkcs7 && out.certs_only.empty() &&
                   !same_word(kind.parameter("smime-type"), "server-generated-key")) {
            out.certs_only = to_bytes(octets.reveal());
        } else {
            return bad_multipart("a part is there twice, is encrypted, or is neither key nor certificate");
        }
    }
    return out;
}

}  // namespace berth::est
