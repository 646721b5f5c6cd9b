// ClientHello (RFC 8446 section 4.1.2, profile 1 section 2).
#pragma once

#include "authkem/extensions.h"

namespace berth::authkem {

//     struct {
//         ProtocolVersion legacy_version = 0x0303;
//         Random random;
//         opaque legacy_session_id<0..32>;
//         CipherSuite cipher_suites<2..2^16-2>;
//         opaque legacy_compression_methods<1..2^8-1>;
//         Extension extensions<8..2^16-1>;
//     } ClientHello;
struct client_hello {
    uint16_t version = legacy_version;
    std::array<uint8_t, 32> random{};
    wire::opaque<0, 32> legacy_session_id;
    wire::list<uint16_t, 2, 65534> cipher_suites;
    wire::opaque<1, 255> legacy_compression_methods;
    wire::list<extension, 8, 65535> extensions;
    BERTH_FIELDS(version, random, legacy_session_id, cipher_suites, legacy_compression_methods, extensions)
};

// What a client puts into its ClientHello. Views live as long as the call.
struct client_hello_content {
    std::array<uint8_t, 32> random{};
    std::vector<cipher_suite> suites;
    std::vector<scheme> schemes;   // accepted for the server's leaf
    std::string_view server_name;  // empty: none
    std::vector<std::string> alpn;
    bytes_view key_share;  // of X25519MLKEM768
    struct pre_distributed {
        bytes_view fingerprint;
        bytes_view encapsulation;
        bool early_auth = false;
    };
    std::optional<pre_distributed> pdk;
};

struct encoded_client_hello {
    bytes message;  // with its header
    offered_extensions offered;
};
result<encoded_client_hello> encode_client_hello(const client_hello_content& content);

// A ClientHello as a server needs it, every rule that needs no configuration already judged.
struct parsed_client_hello {
    std::array<uint8_t, 32> random{};
    std::vector<uint16_t> cipher_suites;         // in the client's order
    std::vector<uint16_t> signature_algorithms;  // schemes accepted for the server's leaf
    std::string server_name;                     // empty: none sent
    std::vector<std::string> alpn;               // empty: none named
    bytes key_share;                             // of X25519MLKEM768
    std::optional<authkem::stored_auth_key> stored_auth_key;
    bool early_auth = false;
};

// `body` is the message without its header. Errors, with their alerts: `malformed_*` (decode_error),
// `no_common_version` (protocol_version), `no_common_profile`, `no_usable_share` (handshake_failure),
// `missing_extension`, `duplicate_extension`, `session_id_not_empty`, `bad_compression_methods`,
// `early_auth_alone`, `share_without_group`, `repeated_share` (illegal_parameter).
result<parsed_client_hello> parse_client_hello(bytes_view body);

}  // namespace berth::authkem
