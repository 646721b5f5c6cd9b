// HTTP/1.1 messages from and to octets. Without I/O; Beast, which does the parsing, shows in the .cpp only.
#pragma once

#include "net/http.h"

namespace berth::net {

struct http_size_limits {
    size_t most_header = 16 * 1024;  // the request or status line and all field lines
    size_t most_body = 1024 * 1024;
};

// Errors of both readers, each with the status that tells the peer (status_of): `malformed`, `header_too_large`,
// `too_large`, `unsupported_version`, `unsupported_encoding` (transfer codings but chunked).
unsigned status_of(const error& e);

enum class read_progress : uint8_t { more, header, complete };

// Reads one request. To be fed until `complete`; what is left in the input then belongs to the next request.
class request_reader {
public:
    explicit request_reader(const http_size_limits& limits);
    ~request_reader();
    request_reader(request_reader&&) noexcept;
    request_reader& operator=(request_reader&&) noexcept;

    // Takes what it can from the front of `input`, which must be offered again with more behind it if not all was taken.
    // `header` is said once, when the header is complete and the body still to come.
    result<read_progress> read(bytes_view& input);
    // Nothing has been read yet.
    [[nodiscard]] bool fresh() const;
    // From `header` on; its body is not there yet.
    [[nodiscard]] const http_request& head() const;
    // A smaller limit for this body. Error `too_large`, also when the length announced is more.
    result<void> limit_body(size_t most);
    [[nodiscard]] bool keep_alive() const;
    [[nodiscard]] bool expects_continue() const;
    // HTTP/1.1 (RFC 9110 7.8), and nothing is said of a body.
    [[nodiscard]] bool may_upgrade() const;
    [[nodiscard]] http_request take();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

class response_reader {
public:
    // `to_head`: the answer to HEAD has no body, whatever its header says.
    response_reader(const http_size_limits& limits, bool to_head);
    ~response_reader();
    response_reader(response_reader&&) noexcept;
    response_reader& operator=(response_reader&&) noexcept;

    // Interim responses (1xx) are read and forgotten.
    result<read_progress> read(bytes_view& input);
    // The peer has closed in an orderly way: complete if the body was to last until then. Error `truncated`.
    result<void> end_of_input();
    [[nodiscard]] bool fresh() const;
    [[nodiscard]] bool keep_alive() const;
    [[nodiscard]] http_response take();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

// Content-Length and Connection are set as they must be; field lines with control characters are left out.
bytes encode_request(const http_request& request, const std::string& host, bool keep_alive);
// `to_head`: without the body. 1xx, 204 and 304 have none either.
bytes encode_response(const http_response& response, bool keep_alive, bool to_head);

}  // namespace berth::net
