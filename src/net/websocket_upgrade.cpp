#include "net/websocket_upgrade.h"

#include "wire/base64.h"

#include <openssl/evp.h>

namespace berth::net {

namespace {

bool same_word(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// The members of a list, of all field lines of that name.
std::vector<std::string> words_of(const http_headers& headers, std::string_view name) {
    std::vector<std::string> out;
    for (const auto& [field, value] : headers) {
        if (!same_word(field, name)) {
            continue;
        }
        for (std::string_view rest = value; !rest.empty();) {
            std::string_view one = rest.substr(0, rest.find(','));
            rest.remove_prefix(std::min(one.size() + 1, rest.size()));
            const auto blank = [](char c) { return c == ' ' || c == '\t'; };
            while (!one.empty() && blank(one.front())) {
                one.remove_prefix(1);
            }
            while (!one.empty() && blank(one.back())) {
                one.remove_suffix(1);
            }
            if (!one.empty()) {
                out.emplace_back(one);
            }
        }
    }
    return out;
}

bool has_word(const std::vector<std::string>& words, std::string_view wanted) {
    return std::ranges::any_of(words, [wanted](const auto& one) { return same_word(one, wanted); });
}

tl::unexpected<http_response> refuse(unsigned status, const char* name, std::string message) {
    auto out = http_response::failure({error_category::peer, name, std::move(message)}, status);
    if (status == 426) {
        // RFC 9110 15.5.22: "The server MUST send an Upgrade header field in a 426 response"; RFC 6455 4.2.2 tells the version.
        out.headers.add("Upgrade", "websocket");
        out.headers.add("Sec-WebSocket-Version", "13");
    }
    return tl::unexpected<http_response>(std::move(out));
}

size_t lines_of(const http_headers& headers, std::string_view name) {
    return static_cast<size_t>(std::ranges::count_if(headers, [name](const auto& f) { return same_word(f.first, name); }));
}

}  // namespace

tl::expected<websocket_offer, http_response> read_websocket_offer(const http_request& head, bool plain) {
    if (head.method != "GET") {
        auto out = refuse(405, "method_not_allowed", "a WebSocket is asked for by GET");
        out.value().headers.add("Allow", "GET");
        return out;
    }
    const auto upgrades = words_of(head.headers, "upgrade");
    if (!has_word(upgrades, "websocket") || !has_word(words_of(head.headers, "connection"), "upgrade")) {
        return refuse(426, "upgrade_required",
                      "here a WebSocket is spoken: ask for it (Upgrade: websocket, Connection: Upgrade)");
    }
    // What is behind the request is WebSocket's, or HTTP's: whoever stands between us and the peer must not take it for the
    // other.
    if (!plain) {
        return refuse(400, "malformed",
                      "a request for a WebSocket is HTTP/1.1 and has no body, no Content-Length and no "
                      "Transfer-Encoding");
    }
    if (lines_of(head.headers, "sec-websocket-version") != 1 || head.headers.get("sec-websocket-version") != "13") {
        return refuse(426, "unsupported_version", "the version of WebSockets spoken here is 13");
    }
    websocket_offer out;
    out.key = head.headers.get("sec-websocket-key");
    const auto nonce = wire::from_base64(out.key);
    if (lines_of(head.headers, "sec-websocket-key") != 1 || !nonce || nonce->size() != 16) {
        return refuse(400, "malformed", "Sec-WebSocket-Key is 16 octets in base64, once");
    }
    out.subprotocols = words_of(head.headers, "sec-websocket-protocol");
    return out;
}

std::string websocket_accept(std::string_view key) {
    const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<uint8_t, 20> digest{};
    // No secret hangs on this SHA-1: it shows that the peer knows what it answers.
    if (EVP_Q_digest(nullptr, "SHA1", nullptr, text.data(), text.size(), digest.data(), nullptr) != 1) {
        return {};
    }
    return wire::base64(digest);
}

http_response websocket_answer(std::string_view key, const std::string& subprotocol) {
    http_response out;
    out.status = 101;
    out.headers.add("Upgrade", "websocket");
    out.headers.add("Sec-WebSocket-Accept", websocket_accept(key));
    out.headers.add("Sec-WebSocket-Protocol", subprotocol);
    return out;
}

}  // namespace berth::net
