// multipart/mixed as EST has it (RFC 2046 5.1, RFC 7030 4.4.2): a few parts, each with a media type and base64.
#pragma once

#include "base/secret.h"
#include "est/body.h"

namespace berth::est {

struct body_part {
    media_type kind;
    secret_bytes octets;  // it may be a private key
};

// In their order. Errors bad_multipart, also where there are more than `most_parts`; too_large, bad_base64.
result<std::vector<body_part>> read_parts(const media_type& type, std::string_view body, size_t most_parts, size_t most_octets);

// Content-Type and text of a body that is made part by part.
class body_writer {
public:
    explicit body_writer(framing how) : how_(how) {}
    void add(std::string_view content_type, bytes_view octets);
    [[nodiscard]] static std::string content_type();
    // Once.
    [[nodiscard]] std::string take();

private:
    framing how_;
    std::string text_;
};

}  // namespace berth::est
