#include "authkem/server_hello.h"

#include "crypto/x25519_mlkem768.h"

#include <algorithm>

namespace berth::authkem {

namespace {

// RFC 8446 4.1.3: the SHA-256 of "HelloRetryRequest".
constexpr std::array<uint8_t, 32> hello_retry_request_random{0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C,
                                                             0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB,
                                                             0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C};

result<void> judge_legacy_fields(const server_hello& hello) {
    if (hello.version != legacy_version) {
        return refuse(alert::illegal_parameter, "bad_version", "the server's legacy_version is not 0x0303");
    }
    // RFC 8446 4.1.3: "A client which receives a legacy_session_id_echo field that does not match what it
    // sent in the ClientHello MUST abort the handshake with an "illegal_parameter" alert."
    if (!hello.legacy_session_id_echo.empty()) {
        return refuse(alert::illegal_parameter, "session_id_not_empty", "the server echoes a session id that we never sent");
    }
    // "legacy_compression_method: A single byte which MUST have the value 0."
    if (hello.legacy_compression_method != 0) {
        return refuse(alert::illegal_parameter, "bad_compression_methods", "the server selects compression");
    }
    return {};
}

result<void> judge_version(const std::vector<extension>& list) {
    const extension* e = find(list, extension_type::supported_versions);
    if (e == nullptr) {
        return refuse(alert::protocol_version, "no_common_version", "the server selects a version before TLS 1.3");
    }
    BERTH_TRY(selected, body_of<selected_version>(*e));
    // RFC 8446 4.2.1: "If the "supported_versions" extension in the ServerHello contains a version not
    // offered by the client or contains a version prior to TLS 1.3, the client MUST abort the handshake with
    // an "illegal_parameter" alert."
    if (selected.version != tls13) {
        return refuse(alert::illegal_parameter, "bad_version", "the server selects a version that we did not offer");
    }
    return {};
}

result<bytes> parse_key_share(const std::vector<extension>& list) {
    BERTH_TRY(e, require(list, extension_type::key_share, "ServerHello"));
    BERTH_TRY(share, body_of<key_share_entry>(*e));
    // RFC 8446 4.2.8: the server's share "MUST be in the same group as one of the client's shares".
    if (share.group != crypto::group_x25519mlkem768) {
        return refuse(alert::illegal_parameter, "group_not_offered", "the server's key share is of another group than ours");
    }
    return std::move(share.key_exchange.value);
}

}  // namespace

result<bytes> encode_server_hello(const server_hello_content& content) {
    server_hello hello;
    hello.random = content.random;
    hello.suite = static_cast<uint16_t>(content.suite);
    auto& list = hello.extensions.items;
    BERTH_TRY(version, make_extension(extension_type::supported_versions, selected_version{}));
    list.push_back(std::move(version));
    BERTH_TRY(share, make_extension(extension_type::key_share,
                                    key_share_entry{crypto::group_x25519mlkem768, wire::opaque<1, 65535>(content.key_share)}));
    list.push_back(std::move(share));
    // Profile 6: "ServerHello stored_auth_key: empty = accepted; early_auth: empty in both; the server echoes
    // it when it will use the early Certificate".
    if (content.pdk_accepted) {
        list.push_back({extension_type::stored_auth_key, {}});
    }
    if (content.early_auth) {
        list.push_back({extension_type::early_auth, {}});
    }
    return encode_message(handshake_type::server_hello, hello);
}

result<parsed_server_hello> parse_server_hello(bytes_view body, const offered_extensions& offered,
                                               const std::vector<cipher_suite>& suites) {
    // Profile 2: "a client that receives HelloRetryRequest answers `unexpected_message`". It is known by its
    // random alone, so that is looked at before its other fields, which differ from a ServerHello's.
    if (body.size() >= 34 && std::ranges::equal(body.subspan(2, 32), hello_retry_request_random)) {
        return refuse(alert::unexpected_message, "hello_retry_request",
                      "the server wants another key share: AuthKEM profile 1 has X25519MLKEM768 only");
    }
    BERTH_TRY(hello, decode_part<server_hello>(body, "server_hello"));
    const std::vector<extension>& list = hello.extensions.items;
    BERTH_CHECK(check_extensions(list, extension_place::server_hello, &offered));
    BERTH_CHECK(judge_version(list));
    BERTH_CHECK(judge_legacy_fields(hello));

    parsed_server_hello out;
    // RFC 8446 4.1.3: "A client which receives a cipher suite that was not offered MUST abort the handshake
    // with an "illegal_parameter" alert."
    const std::optional<cipher_suite> suite = cipher_suite_from_code(hello.suite);
    if (!suite || std::find(suites.begin(), suites.end(), *suite) == suites.end()) {
        return refuse(alert::illegal_parameter, "suite_not_offered", "the server selects a cipher suite that we did not offer");
    }
    out.suite = *suite;
    BERTH_TRY(share, parse_key_share(list));
    out.key_share = std::move(share);
    if (const extension* e = find(list, extension_type::stored_auth_key)) {
        BERTH_CHECK(require_empty(*e));
        out.pdk_accepted = true;
    }
    if (const extension* e = find(list, extension_type::early_auth)) {
        BERTH_CHECK(require_empty(*e));
        // Profile 6: "`early_auth` without `stored_auth_key`, in either Hello, is `illegal_parameter`".
        if (!out.pdk_accepted) {
            return refuse(alert::illegal_parameter, "early_auth_alone", "the server echoes early_auth without stored_auth_key");
        }
        out.early_auth = true;
    }
    return out;
}

}  // namespace berth::authkem
