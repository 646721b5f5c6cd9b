// Who is at the other end of a connection, whatever it runs over.
#pragma once

#include "authkem/peer.h"

namespace berth::net {

enum class transport_kind : uint8_t { plain, tls, authkem, local };
std::string_view name_of(transport_kind kind);  // "plain", "tls", "authkem", "local"

struct peer_info {
    transport_kind transport = transport_kind::plain;
    std::string address;          // "192.0.2.1:40312"; of a local process "uid:1000"
    std::optional<uint32_t> uid;  // of a local process, as the kernel says (SO_PEERCRED)
    // How the peer's certificate was judged; `none` without one.
    authkem::verification state = authkem::verification::none;
    // Leaf first, anchor excluded when verified.
    std::vector<pki::certificate> chain;
    std::string protocol;  // "TLSv1.3", "TLSv1.2", "AuthKEM"; empty: plain
    std::string suite;     // "TLS_AES_256_GCM_SHA384"
    std::string group;     // "X25519MLKEM768"
    std::string alpn;
    // RFC 8446 7.5 (TLS 1.2: RFC 5705). Errors `no_channel` (plain and local: nothing to export), `connection_gone`.
    std::function<result<secret_bytes>(std::string_view label, bytes_view context, size_t length)> exporter;
};

}  // namespace berth::net
