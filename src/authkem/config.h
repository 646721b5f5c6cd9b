// What a caller decides of AuthKEM connections. A context is made once from a configuration and shared by all
// its connections; making it finds the mistakes in the configuration and does the work that need not be done
// again.
#pragma once

#include "authkem/key_schedule.h"
#include "authkem/peer.h"
#include "authkem/transitions.h"
#include "keystore/key.h"

#include <memory>

namespace berth::authkem {

// A certificate chain, leaf first, and the leaf's key.
struct credential {
    std::vector<pki::certificate> chain;
    keystore::kem_key_ptr key;
};

// How records are written. Everything is accepted on receipt, whatever is set here.
struct record_options {
    // The content of protected records is padded to a multiple of this many octets (RFC 8446 5.4), at most
    // 256; 1: none.
    size_t padding_block = 1;
    // Largest content of a record, 1 to 16 384 octets.
    size_t max_content = 16384;
    // Our own KeyUpdate goes out before this many records under one key (RFC 8446 5.5: about 2^24.5 for
    // AES-GCM).
    uint64_t records_per_key = uint64_t{1} << 23;
};

// For tests and debugging.
struct observers {
    secret_log secrets;
    // Every step of the state machine.
    std::function<void(state from, event on, state to)> steps;
};

struct client_config {
    std::vector<cipher_suite> suites{all_cipher_suites.begin(), all_cipher_suites.end()};
    // Accepted for the server's leaf, preferred first.
    std::vector<scheme> schemes{scheme::mlkem768, scheme::mlkem768_p256, scheme::mlkem1024, scheme::mlkem1024_p384};
    chain_rules server;
    std::optional<credential> own;
    // Sent as server_name when it is a DNS name (RFC 6066 allows no addresses); empty: none. It is not
    // compared with the certificate by itself: that is the policy's part (server_named).
    std::string server_name;
    // Whether a CertificateRequest may come.
    bool expect_certificate_request = false;
    std::vector<std::string> alpn;
    bool alpn_required = false;
    // Profile 6: the server's KEM key, known beforehand.
    struct predistributed_key {
        crypto::kem_public_key key;
        bool early_auth = false;
        bool refusal_is_fatal = false;
    };
    std::optional<predistributed_key> pdk;
    record_options records;
    observers observe;
};

enum class client_auth : uint8_t { none, request, require };

struct server_config {
    std::vector<cipher_suite> suites{all_cipher_suites.begin(), all_cipher_suites.end()};
    // A credential without a chain serves clients that hold its key beforehand, and nobody else.
    std::vector<credential> credentials;
    authkem::client_auth client_auth = authkem::client_auth::none;
    // Accepted for the client's leaf, in the order sent.
    std::vector<scheme> schemes{scheme::mlkem768, scheme::mlkem768_p256, scheme::mlkem1024, scheme::mlkem1024_p384};
    chain_rules client;
    std::vector<std::string> alpn;
    bool alpn_required = false;
    record_options records;
    observers observe;
};

// Immutable; shared by connections on any thread.
class client_context {
public:
    // Errors (category usage): `no_cipher_suite`, `no_scheme`, `no_trust_store`, `credential_key_mismatch`,
    // `alpn_not_named`, `bad_alpn`, `bad_server_name`, `bad_record_options`,
    // `early_auth_without_certificate`.
    static result<std::shared_ptr<const client_context>> make(client_config config);

    [[nodiscard]] const client_config& config() const { return config_; }
    // Our Certificate message; empty without a credential.
    [[nodiscard]] const bytes& certificate() const { return certificate_; }
    // The name to send; empty: none.
    [[nodiscard]] std::string_view server_name() const { return sent_name_; }
    [[nodiscard]] bool early_auth() const { return early_auth_; }

private:
    explicit client_context(client_config config) : config_(std::move(config)) {}
    client_config config_;
    bytes certificate_;
    std::string sent_name_;
    bool early_auth_ = false;
};

class server_context {
public:
    // A credential with its Certificate message.
    struct prepared {
        keystore::kem_key_ptr key;
        bytes certificate;  // empty: for pre-distributed keys only
    };

    // Errors as client_context, and `no_credential`.
    static result<std::shared_ptr<const server_context>> make(server_config config);

    [[nodiscard]] const server_config& config() const { return config_; }
    // The credential for the first scheme in the client's list for which there is one with a chain, or null.
    [[nodiscard]] const prepared* credential_for(const std::vector<uint16_t>& offered) const;
    // The credential whose SubjectPublicKeyInfo has this SHA-256, or null.
    [[nodiscard]] const prepared* credential_with(bytes_view fingerprint) const;
    [[nodiscard]] const bytes& certificate_request() const { return certificate_request_; }

private:
    explicit server_context(server_config config) : config_(std::move(config)) {}
    server_config config_;
    std::vector<prepared> credentials_;
    bytes certificate_request_;
};

}  // namespace berth::authkem
