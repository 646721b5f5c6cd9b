#include "authkem/protocol.h"

namespace berth::authkem {

std::string_view name_of(cipher_suite suite) {
    switch (suite) {
    case cipher_suite::aes_128_gcm_sha256: return "TLS_AES_128_GCM_SHA256";
    case cipher_suite::aes_256_gcm_sha384: return "TLS_AES_256_GCM_SHA384";
    case cipher_suite::chacha20_poly1305_sha256: return "TLS_CHACHA20_POLY1305_SHA256";
    }
    return "unknown";
}

std::optional<cipher_suite> cipher_suite_from_name(std::string_view name) {
    for (const cipher_suite suite : all_cipher_suites) {
        if (name_of(suite) == name) {
            return suite;
        }
    }
    return std::nullopt;
}

std::optional<scheme> scheme_from_code(uint16_t code) {
    for (const scheme s : crypto::all_kem_algorithms) {
        if (code_of(s) == code) {
            return s;
        }
    }
    return std::nullopt;
}

std::optional<scheme> scheme_from_name(std::string_view name) {
    for (const scheme s : crypto::all_kem_algorithms) {
        if (crypto::name_of(s) == name) {
            return s;
        }
    }
    return std::nullopt;
}

std::string_view name_of(handshake_type type) {
    switch (type) {
    case handshake_type::client_hello: return "client_hello";
    case handshake_type::server_hello: return "server_hello";
    case handshake_type::new_session_ticket: return "new_session_ticket";
    case handshake_type::end_of_early_data: return "end_of_early_data";
    case handshake_type::encrypted_extensions: return "encrypted_extensions";
    case handshake_type::certificate: return "certificate";
    case handshake_type::certificate_request: return "certificate_request";
    case handshake_type::certificate_verify: return "certificate_verify";
    case handshake_type::finished: return "finished";
    case handshake_type::key_update: return "key_update";
    case handshake_type::kem_encapsulation: return "kem_encapsulation";
    }
    return "unknown";
}

std::string_view name_of(handshake_flow flow) {
    switch (flow) {
    case handshake_flow::full: return "full";
    case handshake_flow::pdk: return "pdk";
    case handshake_flow::pdk_refused: return "pdk_refused";
    }
    return "unknown";
}

}  // namespace berth::authkem
