// What is between the HTTP headers of EST and the DER: base64 in the framings that exist (RFC 8951), media types, and the two
// parts of a generated key (RFC 7030 4.4.2).
#pragma once

#include "base/secret.h"
#include "est/http.h"

namespace berth::est {

namespace type {
inline constexpr std::string_view pkcs10 = "application/pkcs10";
inline constexpr std::string_view pkcs7 = "application/pkcs7-mime";
inline constexpr std::string_view certs_only = "application/pkcs7-mime; smime-type=certs-only";
inline constexpr std::string_view csrattrs = "application/csrattrs";
inline constexpr std::string_view pkcs8 = "application/pkcs8";
inline constexpr std::string_view multipart = "multipart/mixed";
inline constexpr std::string_view text = "text/plain; charset=utf-8";
}  // namespace type

// Octets of text. An ML-DSA-87 request that carries an ML-DSA-87 certificate has some 27 000 as base64.
inline constexpr size_t most_request = 64 * 1024;
inline constexpr size_t most_response = 2 * 1024 * 1024;

// No framing serves everybody: libest reads wrapped lines only, strongSwan only what is not wrapped, and both as soon as the
// body is larger than one of their buffers.
enum class framing : uint8_t {
    one_line,  // RFC 8951; one newline at the end
    lines_76,
    lines_64,
};
// 76 columns for "libest ...", else one line.
framing framing_for(std::string_view user_agent);
std::string framed(bytes_view der, framing f);

// RFC 8951 3.1: white space anywhere is passed over, in lines of any length; all else is strict RFC 4648. What
// Content-Transfer-Encoding says is not looked at: RFC 8951 3 has receivers ignore it. Errors too_large, bad_base64.
result<bytes> unframed(std::string_view body, size_t most = most_request);

struct generated_parts {
    secret_bytes pkcs8;
    bytes certs_only;
};
http_response multipart_of(const generated_parts& parts, framing f);
// The parts in either order. Errors bad_multipart, too_large, bad_base64.
result<generated_parts> read_multipart(const media_type& type, std::string_view body);

}  // namespace berth::est
