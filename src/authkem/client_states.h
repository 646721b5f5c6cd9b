// The states of a client before `established`: each holds what it needs and what was proved on the way to it.
#pragma once

#include "authkem/extensions.h"
#include "authkem/handshake.h"
#include "crypto/x25519_mlkem768.h"

#include <variant>

namespace berth::authkem::client_states {

struct idle {
    static constexpr state id = state::client_idle;
};

struct wait_server_hello {
    static constexpr state id = state::wait_server_hello;
    bytes hello;  // its hash function is known only now
    offered_extensions offered;
    crypto::x25519mlkem768_client share;
    std::optional<early_stage> pdk;  // of the attempt, when one was made
    bytes early_certificate;         // empty: none was sent
};

struct wait_encrypted_extensions {
    static constexpr state id = state::wait_encrypted_extensions;
    offered_extensions offered;
    handshake_stage keys;
};

struct wait_certificate_or_request {
    static constexpr state id = state::wait_certificate_or_request;
    handshake_stage keys;
};

struct wait_certificate {
    static constexpr state id = state::wait_certificate;
    handshake_stage keys;
    std::vector<uint16_t> requested;  // schemes that the server accepts for our leaf
};

struct wait_kem_encapsulation {
    static constexpr state id = state::wait_kem_encapsulation;
    authenticated_stage keys;
    judged_peer peer;
};

struct wait_server_finished {
    static constexpr state id = state::wait_server_finished;
    master_stage keys;
    judged_peer peer;
    secret_bytes client_application;
};

struct wait_encrypted_extensions_pdk {
    static constexpr state id = state::wait_encrypted_extensions_pdk;
    offered_extensions offered;
    handshake_stage keys;
    bool early_auth = false;
};

struct wait_kem_encapsulation_pdk {
    static constexpr state id = state::wait_kem_encapsulation_pdk;
    handshake_stage keys;
};

struct wait_server_finished_pdk {
    static constexpr state id = state::wait_server_finished_pdk;
    master_stage keys;
};

struct established {
    static constexpr state id = state::established;
};

using any = std::variant<idle, wait_server_hello, wait_encrypted_extensions, wait_certificate_or_request, wait_certificate,
                         wait_kem_encapsulation, wait_server_finished, wait_encrypted_extensions_pdk, wait_kem_encapsulation_pdk,
                         wait_server_finished_pdk, established>;

// A step: what the message turned out to be, and the state that follows.
struct step {
    event on{};
    any next;
};

}  // namespace berth::authkem::client_states
