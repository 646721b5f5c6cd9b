// HTTP as EST sees it: one request, one answer, no connection. Whoever has the connection copies to and from these.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/wipe.h"

#include <optional>

namespace berth::est {

struct http_headers {
    http_headers() = default;
    http_headers(const http_headers&) = default;
    http_headers(http_headers&&) noexcept = default;
    http_headers& operator=(const http_headers&) = default;
    http_headers& operator=(http_headers&&) noexcept = default;
    // Some values are passwords and tokens.
    ~http_headers() {
        for (auto& f : fields) {
            wipe(f.second);
        }
    }

    std::vector<std::pair<std::string, std::string>> fields;
    // The first of that name, whatever its case; empty when there is none.
    [[nodiscard]] std::string_view get(std::string_view name) const;
    void add(std::string name, std::string value) { fields.emplace_back(std::move(name), std::move(value)); }
};

struct http_request {
    std::string method = "GET";
    std::string path;  // as on the request line, still percent-encoded, without the query
    http_headers headers;
    std::string body;
};

struct http_response {
    unsigned status = 200;
    http_headers headers;
    std::string body;
};

bool same_word(std::string_view a, std::string_view b);  // ASCII letters of either case are the same

// type/subtype in lower case, and its parameters (names in lower case, values without their quotes).
struct media_type {
    std::string type;
    std::vector<std::pair<std::string, std::string>> parameters;
    [[nodiscard]] std::string_view parameter(std::string_view name) const;  // empty: none
};
// RFC 9110 8.3.1. Nothing when it is malformed.
std::optional<media_type> parse_media_type(std::string_view text);

// "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate, RFC 9110 5.6.7). Nothing when it is another form, or no date.
std::optional<unix_seconds> parse_http_date(std::string_view text);

// Retry-After: seconds, or a date. Nothing when it is neither.
std::optional<uint32_t> parse_retry_after(std::string_view text, unix_seconds now);

}  // namespace berth::est
