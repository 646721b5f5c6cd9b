#include "net/http_codec.h"

#include "base/secret.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/string_body.hpp>
// The parser of Beast 1.81 asserts of a last chunk's line that five octets of it are there; four may be, and the code below the
// assertion deals with them. Of all that includes Beast this file alone has the parser.
#define BOOST_DISABLE_ASSERTS
#include <boost/beast/http/basic_parser.hpp>
#undef BOOST_DISABLE_ASSERTS
#include <boost/assert.hpp>
#include <boost/beast/http/parser.hpp>

namespace berth::net {

namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

struct status_and_name {
    std::string_view error;
    unsigned status;
};
constexpr std::array statuses{status_and_name{"malformed", 400}, status_and_name{"too_large", 413},
                              status_and_name{"header_too_large", 431}, status_and_name{"unsupported_encoding", 501},
                              status_and_name{"unsupported_version", 505}};

error to_error(const error_code& ec) {
    const auto refused = [](const char* name, std::string text) { return error{error_category::peer, name, std::move(text)}; };
    if (ec == http::error::body_limit) {
        return refused("too_large", "the body is larger than is accepted here");
    }
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow) {
        return refused("header_too_large", "the header is larger than is accepted");
    }
    if (ec == http::error::bad_version) {
        return refused("unsupported_version", "only HTTP/1.1 and HTTP/1.0 are spoken here");
    }
    if (ec == http::error::bad_transfer_encoding) {
        return refused("malformed", "the message's transfer coding is malformed or contradicts its length");
    }
    return refused("malformed", "the message is not HTTP/1.1: " + ec.message());
}

std::string_view view(boost::beast::string_view text) {
    return {text.data(), text.size()};
}

template <class Fields>
http_headers headers_of(const Fields& fields) {
    http_headers out;
    for (const auto& f : fields) {
        out.add(std::string(view(f.name_string())), std::string(view(f.value())));
    }
    return out;
}

// What both readers do.
template <bool is_request>
struct reader {
    // What it keeps of fields may be passwords.
    http::parser<is_request, http::string_body, zeroising_allocator<char>> parser;
    size_t most_header;
    size_t header_octets = 0;  // that were read
    bool told_header = false;
    bool started = false;
    bool folded = false;  // a line of the header goes on in the next one

    struct judge_extensions {
        // Beast takes any octets between quotes. Who reads lines would see the chunk begin elsewhere.
        void operator()(std::uint64_t, boost::beast::string_view said, error_code& ec) const {
            if (said.find_first_of("\r\n") != boost::beast::string_view::npos) {
                ec = http::error::bad_chunk_extension;
            }
        }
    };
    judge_extensions extensions;  // the parser keeps a reference

    // The parser's own limit depends by a few octets on the pieces in which a header comes; so it has a larger one, and the
    // octets are counted here.
    explicit reader(const http_size_limits& limits) : most_header(std::min<size_t>(limits.most_header, UINT32_MAX / 2)) {
        parser.header_limit(static_cast<uint32_t>(most_header + 4'096));
        parser.on_chunk_header(extensions);
        parser.body_limit(limits.most_body);
    }

    result<read_progress> read(bytes_view& input) {
        while (true) {
            const bool header_is_new = parser.is_header_done() && !told_header;
            if (header_is_new) {
                told_header = true;
                parser.eager(true);
                BERTH_CHECK(judge_size(0));
                BERTH_CHECK(judge_header());
            }
            if (parser.is_done()) {
                return read_progress::complete;
            }
            if (header_is_new) {
                return read_progress::header;
            }
            if (input.empty()) {
                return read_progress::more;
            }
            error_code ec;
            const size_t used = parser.put(boost::asio::const_buffer(input.data(), input.size()), ec);
            started = started || used > 0 || !input.empty();
            if (is_request && !told_header) {
                const auto taken = as_text(input.first(used));  // all fields at once
                folded = folded || taken.find("\r\n ") != taken.npos || taken.find("\r\n\t") != taken.npos;
            }
            input = input.subspan(used);
            header_octets += told_header ? 0 : used;
            if (ec == http::error::need_more) {
                BERTH_CHECK(told_header || parser.is_header_done() ? result<void>{} : judge_size(input.size()));
                return read_progress::more;
            }
            if (ec) {
                return fail(to_error(ec));
            }
        }
    }

    // `waiting`: octets that belong to a header whose end has not come yet.
    result<void> judge_size(size_t waiting) const {
        return header_octets + waiting > most_header ? fail(to_error(http::error::header_limit)) : result<void>{};
    }

    result<void> judge_header() {
        const auto& message = parser.get();
        const auto coding = view(message[http::field::transfer_encoding]);
        // RFC 9112 6.1: "A server that receives a request message with a transfer coding it does not understand SHOULD
        // respond with 501 (Not Implemented)."
        if (!coding.empty() && !parser.chunked()) {
            return fail(error_category::peer, "unsupported_encoding", "the only transfer coding spoken here is chunked");
        }
        return is_request ? judge_framing() : result<void>{};
    }

    // Whoever stands between us and a client must see a request end where we do. What Beast takes in more than one way is not
    // taken at all.
    result<void> judge_framing() const {
        const auto malformed = [](const char* why) { return fail(error_category::peer, "malformed", why); };
        // RFC 9112 5.2: "A server that receives an obs-fold in a request message [...] MUST either reject the message by sending
        // a 400 (Bad Request), preferably with a representation explaining that obsolete line folding is unacceptable, or".
        if (folded) {
            return malformed("a field line of a request is one line: obsolete line folding is not accepted");
        }
        const auto& message = parser.get();
        const auto codings = message.count(http::field::transfer_encoding);
        // RFC 9112 6.1: "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding header field MUST
        // treat the message as if the framing is faulty".
        if (codings > 0 && message.version() < 11) {
            return malformed("HTTP/1.0 has no Transfer-Encoding");
        }
        if (codings > 1 || (codings == 1 && !boost::beast::iequals(message[http::field::transfer_encoding],
                                                                   boost::beast::string_view("chunked")))) {
            return fail(error_category::peer, "unsupported_encoding",
                        "the only transfer coding spoken here is chunked, alone and said once");
        }
        // RFC 9110 8.6: of a list of one number, "a recipient of the message MUST either reject the message as invalid or replace
        // the duplicated field values with a single valid Content-Length".
        const auto length = view(message[http::field::content_length]);
        if (message.count(http::field::content_length) > 1 || length.find_first_not_of("0123456789") != length.npos) {
            return malformed("Content-Length is one number, said once");
        }
        return {};
    }
};

// RFC 9112 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host
// header field and to any request message that contains more than one Host header field line or a Host header field with an
// invalid field value." RFC 3986 3.2.2 has the characters.
bool may_be_host(std::string_view value) {
    return std::ranges::all_of(value, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               std::string_view("-._~%!$&'()*+,;=:[]").find(c) != std::string_view::npos;
    });
}

// RFC 9110 5.5: a field value has no CR, LF or NUL; a name is a token.
bool may_be_sent(const http_headers::field& f) {
    const auto token = [](char c) {
        return c > ' ' && c < 0x7f && std::string_view("\"(),/:;<=>?@[\\]{}").find(c) == std::string_view::npos;
    };
    return !f.first.empty() && std::all_of(f.first.begin(), f.first.end(), token) &&
           f.second.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

// These are ours to say.
bool is_framing(std::string_view name) {
    const http::field field = http::string_to_field({name.data(), name.size()});
    return field == http::field::content_length || field == http::field::transfer_encoding || field == http::field::connection;
}

void append_fields(std::string& out, const http_headers& headers) {
    for (const auto& f : headers) {
        if (may_be_sent(f) && !is_framing(f.first)) {
            out.append(f.first).append(": ").append(f.second).append("\r\n");
        }
    }
}

}  // namespace

unsigned status_of(const error& e) {
    for (const auto& [name, status] : statuses) {
        if (e.is(name)) {
            return status;
        }
    }
    return 500;
}

// ---- requests

struct request_reader::impl : reader<true> {
    using reader::reader;
    http_request head;
};

request_reader::request_reader(const http_size_limits& limits) : impl_(std::make_unique<impl>(limits)) {}
request_reader::~request_reader() = default;
request_reader::request_reader(request_reader&&) noexcept = default;
request_reader& request_reader::operator=(request_reader&&) noexcept = default;

result<read_progress> request_reader::read(bytes_view& input) {
    // RFC 9112 2.2: "a server that is expecting to receive and parse a request-line SHOULD ignore at least one empty line
    // (CRLF) received prior to the request-line."
    while (!impl_->started && input.size() >= 2 && input[0] == '\r' && input[1] == '\n') {
        input = input.subspan(2);
    }
    if (!impl_->started && input.size() == 1 && input[0] == '\r') {
        return read_progress::more;  // perhaps the first half of one
    }
    BERTH_TRY(progress, impl_->read(input));
    if (impl_->parser.is_header_done() && impl_->head.path.empty()) {
        const auto& message = impl_->parser.get();
        http_request& head = impl_->head;
        head.method = std::string(view(message.method_string()));
        head.target = std::string(view(message.target()));
        head.headers = headers_of(message);
        head.path = head.target.substr(0, head.target.find('?'));
        const auto hosts = message.count(http::field::host);
        if (hosts > 1 || (hosts == 0 && message.version() >= 11)) {
            return fail(error_category::peer, "malformed", "a request has exactly one Host field line");
        }
        if (!may_be_host(view(message[http::field::host]))) {
            return fail(error_category::peer, "malformed", "Host is a name or an address, and a port perhaps");
        }
        if (head.target.empty() || (head.target[0] != '/' && head.target != "*")) {
            return fail(error_category::peer, "malformed", "the request's target is not a path");
        }
        if (head.path.size() < head.target.size()) {
            BERTH_TRY(query, parse_query(std::string_view(head.target).substr(head.path.size() + 1)));
            head.query = std::move(query);
        }
    }
    return progress;
}

bool request_reader::fresh() const {
    return !impl_->started;
}

const http_request& request_reader::head() const {
    return impl_->head;
}

result<void> request_reader::limit_body(size_t most) {
    const auto announced = impl_->parser.content_length();
    const error too_large{error_category::peer, "too_large", "the body is larger than is accepted here"};
    if (impl_->parser.get().body().size() > most || (announced && *announced > most)) {
        return fail(too_large);
    }
    // Of a chunked body the parser counts down from here.
    if (impl_->parser.chunked()) {
        impl_->parser.body_limit(most);
    }
    return {};
}

bool request_reader::keep_alive() const {
    return impl_->parser.keep_alive() && impl_->parser.get().version() >= 11;
}

bool request_reader::expects_continue() const {
    return boost::beast::iequals(impl_->parser.get()[http::field::expect], "100-continue") && impl_->parser.get().version() >= 11;
}

bool request_reader::may_upgrade() const {
    const auto& message = impl_->parser.get();
    return message.version() >= 11 && message.count(http::field::content_length) == 0 &&
           message.count(http::field::transfer_encoding) == 0;
}

http_request request_reader::take() {
    http_request out = std::move(impl_->head);
    out.body = std::move(impl_->parser.get().body());
    return out;
}

// ---- responses

struct response_reader::impl : reader<false> {
    impl(const http_size_limits& l, bool head) : reader(l), limits(l), to_head(head) { parser.skip(head); }
    http_size_limits limits;
    bool to_head;
};

response_reader::response_reader(const http_size_limits& limits, bool to_head) : impl_(std::make_unique<impl>(limits, to_head)) {}
response_reader::~response_reader() = default;
response_reader::response_reader(response_reader&&) noexcept = default;
response_reader& response_reader::operator=(response_reader&&) noexcept = default;

result<read_progress> response_reader::read(bytes_view& input) {
    while (true) {
        BERTH_TRY(progress, impl_->read(input));
        const bool interim = impl_->parser.is_header_done() && impl_->parser.get().result_int() / 100 == 1;
        if (!interim || impl_->parser.get().result_int() == 101) {
            return progress;
        }
        if (!impl_->parser.is_done()) {
            continue;
        }
        const http_size_limits limits = impl_->limits;
        impl_ = std::make_unique<impl>(limits, impl_->to_head);
        impl_->started = true;
    }
}

result<void> response_reader::end_of_input() {
    error_code ec;
    if (impl_->parser.is_header_done() && impl_->parser.need_eof()) {
        impl_->parser.put_eof(ec);
        if (!ec) {
            return {};
        }
    }
    return fail(error_category::peer, "truncated", "the connection ended before the response did");
}

bool response_reader::fresh() const {
    return !impl_->started;
}

bool response_reader::keep_alive() const {
    return impl_->parser.keep_alive() && !impl_->parser.need_eof();
}

http_response response_reader::take() {
    auto& message = impl_->parser.get();
    return {message.result_int(), headers_of(message), std::move(message.body())};
}

// ---- writing

bytes encode_request(const http_request& request, const std::string& host, bool keep_alive) {
    std::string out;
    size_t most = 256 + request.method.size() + request.target.size() + host.size();
    for (const auto& f : request.headers) {
        most += f.first.size() + f.second.size() + 4;
    }
    out.reserve(most);  // so that it does not move, and leave passwords behind
    out.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
    if (!request.headers.has("host")) {
        out += "Host: " + host + "\r\n";
    }
    append_fields(out, request.headers);
    if (!keep_alive) {
        out += "Connection: close\r\n";
    }
    if (!request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH") {
        out += fmt::format("Content-Length: {}\r\n", request.body.size());
    }
    out += "\r\n";
    bytes all = concat({as_bytes(out), as_bytes(request.body)});
    wipe(out);
    return all;
}

bytes encode_response(const http_response& response, bool keep_alive, bool to_head) {
    std::string out = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_of(response.status));
    append_fields(out, response.headers);
    // RFC 9110 7.8: "A sender of Upgrade MUST also send an "Upgrade" connection option in the Connection header field".
    const bool upgrades = response.headers.has("upgrade");
    if (!keep_alive || upgrades) {
        out += fmt::format("Connection: {}\r\n", keep_alive ? "Upgrade" : upgrades ? "close, Upgrade" : "close");
    }
    // RFC 9110 8.6: "A server MUST NOT send a Content-Length header field in any response with a status code of 1xx
    // (Informational) or 204 (No Content)."
    const bool without = response.status / 100 == 1 || response.status == 204;
    if (!without && response.status != 304) {
        // RFC 9110 8.6, of HEAD: the length of what would have been sent, which whoever answers need not have at hand.
        auto said = to_head && response.body.empty() ? response.headers.get("Content-Length") : std::string_view();
        said = said.find_first_not_of("0123456789") == said.npos ? said : std::string_view();
        out += said.empty() ? fmt::format("Content-Length: {}\r\n", response.body.size())
                            : fmt::format("Content-Length: {}\r\n", said);
    }
    out += "\r\n";
    if (without || to_head || response.status == 304) {
        return to_bytes(as_bytes(out));
    }
    return concat({as_bytes(out), as_bytes(response.body)});
}

std::string_view reason_of(unsigned status) {
    return view(http::obsolete_reason(static_cast<http::status>(status)));
}

}  // namespace berth::net
