// HTTP/1.1 messages as values (RFC 9110, RFC 9112).
#pragma once

#include "base/wipe.h"
#include "net/address.h"
#include "net/peer_info.h"
#include "wire/json.h"

#include <map>

namespace berth::net {

// Field lines in order; names compare without case. Values are overwritten at the end: some are passwords and tokens.
class http_headers {
public:
    using field = std::pair<std::string, std::string>;
    http_headers() = default;
    http_headers(std::initializer_list<field> fields) : fields_(fields) {}
    http_headers(const http_headers&) = default;
    http_headers(http_headers&&) noexcept = default;
    http_headers& operator=(const http_headers&) = default;
    http_headers& operator=(http_headers&&) noexcept = default;
    ~http_headers() {
        for (auto& f : fields_) {
            wipe(f.second);
        }
    }

    // The first of that name; empty when there is none.
    [[nodiscard]] std::string_view get(std::string_view name) const;
    [[nodiscard]] bool has(std::string_view name) const;
    void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
    void set(std::string_view name, std::string value);  // instead of all of that name
    void remove(std::string_view name);
    [[nodiscard]] auto begin() const { return fields_.begin(); }
    [[nodiscard]] auto end() const { return fields_.end(); }
    [[nodiscard]] size_t size() const { return fields_.size(); }

private:
    std::vector<field> fields_;
};

struct http_request {
    std::string method = "GET";
    std::string target = "/";  // as on the request line: path and query
    http_headers headers;
    std::string body;
    // Filled in by a server.
    std::string path;                           // of the target, still percent-encoded
    std::map<std::string, std::string> query;   // decoded; the last of equal names
    std::map<std::string, std::string> params;  // what the route's {names} stand for, decoded
    std::shared_ptr<const peer_info> peer;
    // The media type of Content-Type without parameters, in lower case.
    [[nodiscard]] std::string content_type() const;
};

struct http_response {
    unsigned status = 200;
    http_headers headers;
    std::string body;

    static http_response text(unsigned status, std::string text, std::string type = "text/plain; charset=utf-8");
    static http_response json(unsigned status, const wire::json::value& value);
    // {"error":{...}} as programs print it; the status by the error's category unless given.
    static http_response failure(const error& e, unsigned status = 0);
    // 204, or another without content.
    static http_response empty(unsigned status = 204) { return {status, {}, {}}; }
};

// "Not Found"
std::string_view reason_of(unsigned status);

// %41 -> A. Error `malformed`: a bad escape, or an octet 0.
result<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
std::string percent_encode(std::string_view text);
// a=1&b=%20 -> {a: "1", b: " "}. Error `malformed`.
result<std::map<std::string, std::string>> parse_query(std::string_view query);

// http://host:port/path, https://host/path, authkem://host:port/path.
struct http_url {
    transport_kind transport = transport_kind::plain;
    address host;
    std::string target = "/";
};
// Error `bad_url`: another scheme, user information, a fragment, no host.
result<http_url> parse_url(std::string_view text);

}  // namespace berth::net
