// The states of a server before `established`: each holds what it needs and what was proved on the way to it.
#pragma once

#include "authkem/client_hello.h"
#include "authkem/handshake.h"
#include "crypto/x25519_mlkem768.h"

#include <variant>

namespace berth::authkem::server_states {

struct wait_client_hello {
    static constexpr state id = state::wait_client_hello;
};

struct wait_early_certificate {
    static constexpr state id = state::wait_early_certificate;
    early_stage early;
    bytes key_share;  // of the client; nothing is drawn for it until the early Certificate has been read
};

struct wait_client_kem_encapsulation {
    static constexpr state id = state::wait_client_kem_encapsulation;
    handshake_stage keys;
    const server_context::prepared* own;
};

struct wait_client_kem_encapsulation_mutual {
    static constexpr state id = state::wait_client_kem_encapsulation_mutual;
    handshake_stage keys;
    const server_context::prepared* own;
};

struct wait_client_certificate {
    static constexpr state id = state::wait_client_certificate;
    authenticated_stage keys;
};

struct wait_client_finished {
    static constexpr state id = state::wait_client_finished;
    master_stage keys;
    std::optional<judged_peer> peer;
};

struct wait_client_finished_pdk {
    static constexpr state id = state::wait_client_finished_pdk;
    master_stage keys;
    std::optional<judged_peer> peer;
    traffic_secrets application;
    secret_bytes exporter_master;
};

struct established {
    static constexpr state id = state::established;
};

using any =
    std::variant<wait_client_hello, wait_early_certificate, wait_client_kem_encapsulation, wait_client_kem_encapsulation_mutual,
                 wait_client_certificate, wait_client_finished, wait_client_finished_pdk, established>;

struct step {
    event on{};
    any next;
};

}  // namespace berth::authkem::server_states
