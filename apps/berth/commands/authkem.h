// What the two halves of `berth authkem` share.
#pragma once

#include "berth/commands/commands.h"
#include "common/key_log.h"
#include "net/authkem_stream.h"

namespace berth::app {

struct authkem_options {
    // both
    std::string certificate;
    std::string key;
    std::string passphrase_file;
    std::string ca;
    std::string crl;
    std::string message;
    std::string key_log;
    std::vector<std::string> suites;
    std::vector<std::string> schemes;
    std::vector<std::string> alpn;
    bool alpn_required = false;
    bool provisional = false;
    bool key_update = false;
    size_t padding = 1;
    double timeout = 10;
    // server
    std::string host = "127.0.0.1";
    uint16_t port = 0;
    bool mutual = false;
    bool echo = false;
    bool once = false;
    // client
    std::string connect;
    std::string server_name;
    std::string pdk;
    bool pdk_required = false;
    bool no_early_auth = false;
    size_t count = 1;
};

int run_authkem_server(const authkem_options& options, bool json);
int run_authkem_client(const authkem_options& options, bool json);

// The parts of a configuration that both ends have. Errors of files and keys; `unknown_suite`, `unknown_scheme`,
// `missing_option` (usage).
result<std::vector<authkem::cipher_suite>> suites_of(const authkem_options& options);
result<std::vector<authkem::scheme>> schemes_of(const authkem_options& options);
result<authkem::chain_rules> rules_of(const authkem_options& options);
// Nothing without --key. A server's may lack the chain.
result<std::optional<authkem::credential>> credential_of(const authkem_options& options, bool chain_needed);
// A public key (SPKI, PEM) or the leaf of a chain of certificates.
result<crypto::kem_public_key> read_kem_public_key(const std::string& file);

// How one connection went, once it is over.
struct connection_report {
    const net::authkem_stream& stream;
    const error* why = nullptr;  // null: orderly
    bool mutual = false;
    bytes_view received;
    std::string peer;
    // Of a client: whether the server's certificate had to carry the name that was asked for.
    std::optional<bool> name_checked = {};
};
// Prints it, as JSON or for people, and returns its exit code.
int print(const connection_report& report, bool json);

}  // namespace berth::app
