// The client's handshake: one handler per state, split over files by flight.
#pragma once

#include "authkem/client_states.h"

namespace berth::authkem {

class client_handshake final : public handshake {
public:
    client_handshake(std::shared_ptr<const client_context> context, const surroundings& s)
        : handshake(s), context_(std::move(context)) {}

    // ClientHello and, with early authentication, the early Certificate.
    result<void> start();

    [[nodiscard]] state current() const override;
    result<void> on_message(const message_view& message, std::optional<record_boundary> boundary) override;

private:
    using step = client_states::step;
    using received = const message_view&;
    using boundary = std::optional<record_boundary>;

    // client_hello_flight.cpp
    result<step> hello();
    // client_server_hello.cpp
    result<step> on(client_states::wait_server_hello now, received message, boundary end);
    result<step> on(client_states::wait_encrypted_extensions now, received message, boundary end);
    // client_authentication.cpp
    result<step> on(client_states::wait_certificate_or_request now, received message, boundary end);
    result<step> on(client_states::wait_certificate now, received message, boundary end);
    result<step> on(client_states::wait_kem_encapsulation now, received message, boundary end);
    // client_completion.cpp
    result<step> on(client_states::wait_server_finished now, received message, boundary end);
    // client_predistributed.cpp
    result<step> on(client_states::wait_encrypted_extensions_pdk now, received message, boundary end);
    result<step> on(client_states::wait_kem_encapsulation_pdk now, received message, boundary end);
    result<step> on(client_states::wait_server_finished_pdk now, received message, boundary end);
    // Every state that no message can reach.
    template <class State>
    result<step> on(State, received, boundary) {
        return refuse(alert::internal_error, "undeclared_transition", "our client got a message in a state that takes none");
    }

    result<judged_peer> judge_server(received certificate);
    result<std::string> judge_encrypted_extensions(received message, const offered_extensions& offered);
    // KEMEncapsulation(h), then both directions under (a).
    result<authenticated_stage> authenticate_server(handshake_stage keys, const judged_peer& peer, boundary end);
    client_states::wait_server_finished finish(master_stage keys, judged_peer peer);
    result<secret_bytes> client_secret(received kem_encapsulation);

    std::shared_ptr<const client_context> context_;
    client_states::any state_;
    handshake_flow flow_ = handshake_flow::full;
    std::string alpn_;
};

}  // namespace berth::authkem
