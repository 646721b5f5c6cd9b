// The opening handshake of a WebSocket (RFC 6455 4.2, RFC 9110 7.8): what a request must have, and the answer.
#pragma once

#include "net/http.h"
#include "net/websocket.h"

namespace berth::net {

// Where WebSockets are spoken instead of HTTP (http_router::add_websocket). Its functions are called on connections' threads,
// several at once (http_front).
struct websocket_route {
    // Of those that the client offers the first of these is spoken (RFC 6455 1.9); one must be.
    std::vector<std::string> subprotocols;
    // The answer to who offers none of them; nothing: 400.
    std::function<std::optional<http_response>(const std::vector<std::string>& offered)> not_spoken = {};
    // Who is let in, and by whom it is served: that is called with the stream, and has to start() it. If the connection goes
    // before, it is dropped uncalled. Or the answer of who refuses.
    using opener = std::function<void(std::shared_ptr<websocket>)>;
    std::function<tl::expected<opener, http_response>(const http_request&)> admit;
    websocket_limits limits = {};
};

struct websocket_offer {
    std::string key;
    std::vector<std::string> subprotocols;
};
// `plain`: a request of HTTP/1.1 that announces no body. The refusals: 426 where no WebSocket is asked for, or one of another
// version; 400; 405.
tl::expected<websocket_offer, http_response> read_websocket_offer(const http_request& head, bool plain);
// "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" for "dGhlIHNhbXBsZSBub25jZQ==".
std::string websocket_accept(std::string_view key);
// 101.
http_response websocket_answer(std::string_view key, const std::string& subprotocol);

}  // namespace berth::net
