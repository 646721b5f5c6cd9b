// What a client's and a server's handshake have in common.
#pragma once

#include "authkem/handshake_reader.h"
#include "authkem/record_layer.h"
#include "authkem/session.h"
#include "authkem/transcript.h"
#include "authkem/transitions.h"
#include "base/random.h"

#include <functional>
#include <variant>

namespace berth::authkem {

// What a handshake is given of its connection.
struct surroundings {
    record_layer& records;
    const clock& time;
    random_source& random;
};

class handshake {
public:
    explicit handshake(const surroundings& s) : records_(s.records), time_(s.time), random_(s.random) {}
    handshake(const handshake&) = delete;
    handshake& operator=(const handshake&) = delete;
    virtual ~handshake() = default;

    [[nodiscard]] virtual state current() const = 0;

    // Handles one message that the transition table expects in this state. `boundary` is there when the table
    // says that the message ends its record, and is taken by whoever changes the read key.
    virtual result<void> on_message(const message_view& message, std::optional<record_boundary> boundary) = 0;

    // The session, once: after the step to `established`.
    std::optional<session> take_session() { return std::exchange(session_, std::nullopt); }

protected:
    // Sends a message and adds it to the transcript.
    void send(bytes_view message) {
        transcript_->add(message);
        records_.write(content_type::handshake, message);
    }
    [[nodiscard]] crypto::hash_algorithm hash() const { return hash_of(suite_); }

    record_layer& records_;
    const clock& time_;
    random_source& random_;
    cipher_suite suite_{};
    std::optional<transcript> transcript_;
    std::optional<session> session_;
};

// Profile 3: "exporter_context is "server authentication" for SSs and "client authentication" for SSc."
enum class authenticated_side : uint8_t { server, client };

struct encapsulated {
    bytes encapsulation;
    secret_bytes secret;
};
// (enc, hpke) = SetupBaseS(pk, info = "tls13 auth-kem"); ss = hpke.Export(exporter_context, L = Hash.length)
encapsulated encapsulate_to(const crypto::kem_public_key& key, authenticated_side side, crypto::hash_algorithm hash,
                            random_source& random);
// The other way. Errors: `bad_encapsulation` (illegal_parameter); any failure of the key's holder
// (internal_error).
result<secret_bytes> decapsulate_with(const keystore::kem_key& key, bytes_view encapsulation, authenticated_side side,
                                      crypto::hash_algorithm hash);

// The checked step of a state machine: moves `states` (a variant of structs that name their `id`) to `next`
// when the transition table has that row. Error `undeclared_transition` (internal_error).
template <class Variant>
result<void> move_to(Variant& states, role side, event on, Variant next, const observers& observe) {
    const auto id = [](const Variant& v) { return std::visit([](const auto& s) { return s.id; }, v); };
    const state from = id(states);
    const transition* row = after(side, from, on);
    if (row == nullptr || row->to != id(next)) {
        return refuse(alert::internal_error, "undeclared_transition",
                      "our state machine took a step from " + std::string(name_of(from)) + " that its table does not have");
    }
    states = std::move(next);
    if (observe.steps) {
        observe.steps(from, on, row->to);
    }
    return {};
}

}  // namespace berth::authkem
