#include "authkem/transitions.h"

#include <algorithm>

namespace berth::authkem {

namespace {

constexpr bool ends = true;  // the message ends its record
constexpr bool flows = false;

constexpr role C = role::client;
constexpr role S = role::server;

struct state_name {
    state value;
    std::string_view name;
};

constexpr std::array state_names{
    state_name{state::client_idle, "idle"},
    state_name{state::wait_server_hello, "wait_server_hello"},
    state_name{state::wait_encrypted_extensions, "wait_encrypted_extensions"},
    state_name{state::wait_certificate_or_request, "wait_certificate_or_request"},
    state_name{state::wait_certificate, "wait_certificate"},
    state_name{state::wait_kem_encapsulation, "wait_kem_encapsulation"},
    state_name{state::wait_server_finished, "wait_server_finished"},
    state_name{state::wait_encrypted_extensions_pdk, "wait_encrypted_extensions_pdk"},
    state_name{state::wait_kem_encapsulation_pdk, "wait_kem_encapsulation_pdk"},
    state_name{state::wait_server_finished_pdk, "wait_server_finished_pdk"},
    state_name{state::wait_client_hello, "wait_client_hello"},
    state_name{state::wait_early_certificate, "wait_early_certificate"},
    state_name{state::wait_client_kem_encapsulation, "wait_client_kem_encapsulation"},
    state_name{state::wait_client_kem_encapsulation_mutual, "wait_client_kem_encapsulation_mutual"},
    state_name{state::wait_client_certificate, "wait_client_certificate"},
    state_name{state::wait_client_finished, "wait_client_finished"},
    state_name{state::wait_client_finished_pdk, "wait_client_finished_pdk"},
    state_name{state::established, "established"},
    state_name{state::closed, "closed"},
    state_name{state::failed, "failed"},
};

using kind = trigger::kind;

struct event_name {
    event value;
    std::string_view name;
    trigger what;
};

constexpr trigger message(handshake_type type) {
    return {kind::message, type};
}

constexpr std::array event_names{
    event_name{event::start, "start()", {kind::caller, {}}},
    event_name{event::client_hello, "ClientHello", message(handshake_type::client_hello)},
    event_name{event::client_hello_mutual, "ClientHello (certificate wanted)", message(handshake_type::client_hello)},
    event_name{event::client_hello_pdk, "ClientHello (stored_auth_key accepted)", message(handshake_type::client_hello)},
    event_name{event::client_hello_pdk_early, "ClientHello (stored_auth_key and early_auth accepted)",
               message(handshake_type::client_hello)},
    event_name{event::early_certificate, "early Certificate", message(handshake_type::certificate)},
    event_name{event::server_hello, "ServerHello", message(handshake_type::server_hello)},
    event_name{event::server_hello_pdk, "ServerHello (stored_auth_key accepted)", message(handshake_type::server_hello)},
    event_name{event::encrypted_extensions, "EncryptedExtensions", message(handshake_type::encrypted_extensions)},
    event_name{event::encrypted_extensions_early, "EncryptedExtensions (early_auth was echoed)",
               message(handshake_type::encrypted_extensions)},
    event_name{event::certificate_request, "CertificateRequest", message(handshake_type::certificate_request)},
    event_name{event::certificate, "Certificate", message(handshake_type::certificate)},
    event_name{event::certificate_answered, "Certificate (own certificate requested and at hand)",
               message(handshake_type::certificate)},
    event_name{event::certificate_empty, "Certificate (empty)", message(handshake_type::certificate)},
    event_name{event::kem_encapsulation, "KEMEncapsulation", message(handshake_type::kem_encapsulation)},
    event_name{event::finished, "Finished", message(handshake_type::finished)},
    event_name{event::key_update, "KeyUpdate", message(handshake_type::key_update)},
    event_name{event::application_data, "application data", {kind::application_data, {}}},
    event_name{event::close_notify, "close_notify", {kind::alert, {}}},
};

}  // namespace

constexpr std::array<transition, 31> transitions{{
    // ---- client, profile 4
    {C, state::client_idle, event::start, state::wait_server_hello, flows, "ClientHello; with early_auth also Certificate(e)"},
    {C, state::wait_server_hello, event::server_hello, state::wait_encrypted_extensions, ends, ""},
    {C, state::wait_encrypted_extensions, event::encrypted_extensions, state::wait_certificate_or_request, flows, ""},
    {C, state::wait_certificate_or_request, event::certificate_request, state::wait_certificate, flows, ""},
    {C, state::wait_certificate_or_request, event::certificate, state::wait_server_finished, ends,
     "KEMEncapsulation(h), Finished(a)"},
    {C, state::wait_certificate, event::certificate, state::wait_server_finished, ends,
     "KEMEncapsulation(h), empty Certificate(a), Finished(a)"},
    {C, state::wait_certificate, event::certificate_answered, state::wait_kem_encapsulation, ends,
     "KEMEncapsulation(h), Certificate(a)"},
    {C, state::wait_kem_encapsulation, event::kem_encapsulation, state::wait_server_finished, flows, "Finished(a)"},
    {C, state::wait_server_finished, event::finished, state::established, ends, ""},
    // ---- client, profile 6
    {C, state::wait_server_hello, event::server_hello_pdk, state::wait_encrypted_extensions_pdk, ends, ""},
    {C, state::wait_encrypted_extensions_pdk, event::encrypted_extensions, state::wait_server_finished_pdk, flows, ""},
    {C, state::wait_encrypted_extensions_pdk, event::encrypted_extensions_early, state::wait_kem_encapsulation_pdk, flows, ""},
    {C, state::wait_kem_encapsulation_pdk, event::kem_encapsulation, state::wait_server_finished_pdk, flows, ""},
    {C, state::wait_server_finished_pdk, event::finished, state::established, ends, "Finished(h)"},
    // ---- server, profile 4
    {S, state::wait_client_hello, event::client_hello, state::wait_client_kem_encapsulation, ends,
     "ServerHello, EncryptedExtensions(h), Certificate(h)"},
    {S, state::wait_client_hello, event::client_hello_mutual, state::wait_client_kem_encapsulation_mutual, ends,
     "ServerHello, EncryptedExtensions(h), CertificateRequest(h), Certificate(h)"},
    {S, state::wait_client_kem_encapsulation, event::kem_encapsulation, state::wait_client_finished, ends, ""},
    {S, state::wait_client_kem_encapsulation_mutual, event::kem_encapsulation, state::wait_client_certificate, ends, ""},
    {S, state::wait_client_certificate, event::certificate, state::wait_client_finished, flows, "KEMEncapsulation(a)"},
    {S, state::wait_client_certificate, event::certificate_empty, state::wait_client_finished, flows, ""},
    {S, state::wait_client_finished, event::finished, state::established, ends, "Finished(a)"},
    // ---- server, profile 6
    {S, state::wait_client_hello, event::client_hello_pdk, state::wait_client_finished_pdk, ends,
     "ServerHello, EncryptedExtensions(h), Finished(h)"},
    {S, state::wait_client_hello, event::client_hello_pdk_early, state::wait_early_certificate, ends, ""},
    {S, state::wait_early_certificate, event::early_certificate, state::wait_client_finished_pdk, ends,
     "ServerHello, EncryptedExtensions(h), KEMEncapsulation(h), Finished(h)"},
    {S, state::wait_client_finished_pdk, event::finished, state::established, ends, ""},
    // ---- after the handshake
    {C, state::established, event::application_data, state::established, flows, ""},
    {C, state::established, event::key_update, state::established, ends, "KeyUpdate, when requested"},
    {C, state::established, event::close_notify, state::closed, flows, "close_notify, when the caller closes"},
    {S, state::established, event::application_data, state::established, flows, ""},
    {S, state::established, event::key_update, state::established, ends, "KeyUpdate, when requested"},
    {S, state::established, event::close_notify, state::closed, flows, "close_notify, when the caller closes"},
}};

namespace {

constexpr trigger find_trigger(event e) {
    for (const event_name& n : event_names) {
        if (n.value == e) {
            return n.what;
        }
    }
    return {};
}

// Every pair of (state, event) has one row, and rows of one state and trigger agree on where the record ends.
constexpr bool consistent() {
    for (size_t i = 0; i < transitions.size(); ++i) {
        for (size_t j = i + 1; j < transitions.size(); ++j) {
            const transition& a = transitions[i];
            const transition& b = transitions[j];
            if (a.side != b.side || a.from != b.from) {
                continue;
            }
            if (a.on == b.on || (find_trigger(a.on) == find_trigger(b.on) && a.ends_record != b.ends_record)) {
                return false;
            }
        }
    }
    return true;
}
static_assert(consistent());

}  // namespace

std::string_view name_of(state s) {
    for (const state_name& n : state_names) {
        if (n.value == s) {
            return n.name;
        }
    }
    return "unknown";
}

std::string_view name_of(event e) {
    for (const event_name& n : event_names) {
        if (n.value == e) {
            return n.name;
        }
    }
    return "unknown";
}

trigger trigger_of(event e) {
    return find_trigger(e);
}

const transition* expected(role side, state from, trigger what) {
    for (const transition& t : transitions) {
        if (t.side == side && t.from == from && find_trigger(t.on) == what) {
            return &t;
        }
    }
    return nullptr;
}

const transition* after(role side, state from, event on) {
    for (const transition& t : transitions) {
        if (t.side == side && t.from == from && t.on == on) {
            return &t;
        }
    }
    return nullptr;
}

std::string print_transitions() {
    std::string out = "# AuthKEM profile 1: states and events\n\n"
                      "Printed from `src/authkem/transitions.cpp`, which is what drives the engine; a test "
                      "fails when this page is "
                      "stale.\n\n"
                      "What has no row here is answered `unexpected_message`. Besides: any state but "
                      "`closed` becomes `failed` at the "
                      "first error\n(an alert goes out, and later octets are ignored) and at an alert of the "
                      "peer, `close_notify` "
                      "before `established` included.\n\"Last\": the message must be the last in its record, "
                      "because it ends a key. "
                      "Keys: (e) early handshake, (h) handshake,\n(a) authenticated handshake.\n";
    for (const role side : {C, S}) {
        out += side == C ? "\n## Client\n\n" : "\n## Server\n\n";
        out += "| state | event | last | sends | next state |\n|---|---|---|---|---|\n";
        for (const transition& t : transitions) {
            if (t.side != side) {
                continue;
            }
            out += "| `" + std::string(name_of(t.from)) + "` | " + std::string(name_of(t.on)) + " | " +
                   (t.ends_record ? "yes" : "") + " | " + std::string(t.answer) + " | `" + std::string(name_of(t.to)) + "` |\n";
        }
    }
    return out;
}

}  // namespace berth::authkem
