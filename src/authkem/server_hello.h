// ServerHello (RFC 8446 section 4.1.3, profile 1 sections 2 and 6).
#pragma once

#include "authkem/extensions.h"

namespace berth::authkem {

//     struct {
//         ProtocolVersion legacy_version = 0x0303;
//         Random random;
//         opaque legacy_session_id_echo<0..32>;
//         CipherSuite cipher_suite;
//         uint8 legacy_compression_method = 0;
//         Extension extensions<6..2^16-1>;
//     } ServerHello;
struct server_hello {
    uint16_t version = legacy_version;
    std::array<uint8_t, 32> random{};
    wire::opaque<0, 32> legacy_session_id_echo;
    uint16_t suite = 0;
    uint8_t legacy_compression_method = 0;
    wire::list<extension, 6, 65535> extensions;
    BERTH_FIELDS(version, random, legacy_session_id_echo, suite, legacy_compression_method, extensions)
};

struct server_hello_content {
    std::array<uint8_t, 32> random{};
    cipher_suite suite{};
    bytes_view key_share;
    bool pdk_accepted = false;
    bool early_auth = false;
};
result<bytes> encode_server_hello(const server_hello_content& content);

struct parsed_server_hello {
    cipher_suite suite{};
    bytes key_share;  // of X25519MLKEM768; its length is judged where it is used
    bool pdk_accepted = false;
    bool early_auth = false;
};

// `body` is the message without its header; `suites` are those that the client offered. Errors, with their
// alerts: `hello_retry_request` (unexpected_message), `malformed_*` (decode_error), `no_common_version`
// (protocol_version), `bad_version`, `session_id_not_empty`, `bad_compression_methods`, `suite_not_offered`,
// `group_not_offered`, `early_auth_alone` (illegal_parameter), `missing_extension`, and those of
// check_extensions.
result<parsed_server_hello> parse_server_hello(bytes_view body, const offered_extensions& offered,
                                               const std::vector<cipher_suite>& suites);

}  // namespace berth::authkem
