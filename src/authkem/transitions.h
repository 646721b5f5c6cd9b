// The state machines of profile 1, sections 4 and 6, as data: (state, event) -> next state. What is not in
// this table does not happen: an event without a row is `unexpected_message`, and a handler that asks for a
// state which its row does not name is our own error. docs/authkem-transitions.md is printed from it.
#pragma once

#include "authkem/protocol.h"

#include <array>
#include <optional>
#include <string>

namespace berth::authkem {

enum class state : uint8_t {
    // client
    client_idle,
    wait_server_hello,
    wait_encrypted_extensions,
    wait_certificate_or_request,
    wait_certificate,
    wait_kem_encapsulation,
    wait_server_finished,
    wait_encrypted_extensions_pdk,
    wait_kem_encapsulation_pdk,
    wait_server_finished_pdk,
    // server
    wait_client_hello,
    wait_early_certificate,
    wait_client_kem_encapsulation,
    wait_client_kem_encapsulation_mutual,
    wait_client_certificate,
    wait_client_finished,
    wait_client_finished_pdk,
    // both
    established,
    closed,
    failed,
};
std::string_view name_of(state s);

// What arrived and, where a message can lead to several states, what it turned out to be.
enum class event : uint8_t {
    start,
    client_hello,            // full handshake, server authentication only
    client_hello_mutual,     // full handshake, a certificate is requested
    client_hello_pdk,        // stored_auth_key accepted, no early_auth
    client_hello_pdk_early,  // stored_auth_key accepted, early Certificate to come
    early_certificate,
    server_hello,      // stored_auth_key neither sent nor accepted
    server_hello_pdk,  // stored_auth_key accepted
    encrypted_extensions,
    encrypted_extensions_early,  // early_auth was echoed: a KEMEncapsulation follows
    certificate_request,
    certificate,           // a chain, answered by KEMEncapsulation; client: no certificate was sent to follow it
    certificate_answered,  // the same; client: its own certificate went out after KEMEncapsulation
    certificate_empty,
    kem_encapsulation,
    finished,
    key_update,
    application_data,
    close_notify,
};
std::string_view name_of(event e);

// What starts an event: a handshake message of that type, or something else.
struct trigger {
    enum class kind : uint8_t { caller, message, application_data, alert };
    kind what = kind::message;
    handshake_type type{};  // of a message
    friend constexpr bool operator==(const trigger&, const trigger&) = default;
};
trigger trigger_of(event e);

struct transition {
    role side{};
    state from{};
    event on{};
    state to{};
    // Profile 4: the message ends its record.
    bool ends_record = false;
    // What is sent, and under which keys: for people.
    std::string_view answer;
};

extern const std::array<transition, 31> transitions;

// Any row for that trigger: whether the message may come at all, and whether it ends its record (the same for
// all rows of one state and trigger). Null: `unexpected_message`.
const transition* expected(role side, state from, trigger what);

// The state after an event. Null: no such row.
const transition* after(role side, state from, event on);

// docs/authkem-transitions.md.
std::string print_transitions();

}  // namespace berth::authkem
