// The server's handshake: one handler per state, split over files by flight.
#pragma once

#include "authkem/server_states.h"

namespace berth::authkem {

class server_handshake final : public handshake {
public:
    server_handshake(std::shared_ptr<const server_context> context, const surroundings& s)
        : handshake(s), context_(std::move(context)) {}

    [[nodiscard]] state current() const override;
    result<void> on_message(const message_view& message, std::optional<record_boundary> boundary) override;

private:
    using step = server_states::step;
    using received = const message_view&;
    using boundary = std::optional<record_boundary>;

    // server_client_hello.cpp
    result<step> on(server_states::wait_client_hello now, received message, boundary end);
    // server_predistributed.cpp
    result<step> on(server_states::wait_early_certificate now, received message, boundary end);
    result<step> on(server_states::wait_client_finished_pdk now, received message, boundary end);
    // server_authentication.cpp
    result<step> on(server_states::wait_client_kem_encapsulation now, received message, boundary end);
    result<step> on(server_states::wait_client_kem_encapsulation_mutual now, received message, boundary end);
    result<step> on(server_states::wait_client_certificate now, received message, boundary end);
    // server_completion.cpp
    result<step> on(server_states::wait_client_finished now, received message, boundary end);
    // Every state that no message can reach.
    template <class State>
    result<step> on(State, received, boundary) {
        return refuse(alert::internal_error, "undeclared_transition", "our server got a message in a state that takes none");
    }

    result<void> negotiate(const parsed_client_hello& hello);
    [[nodiscard]] const server_context::prepared* accept_predistributed(const parsed_client_hello& hello) const;
    result<step> answer_predistributed(parsed_client_hello hello, const server_context::prepared& own, boundary end);
    result<step> answer_in_full(const parsed_client_hello& hello, boundary end);
    // ServerHello, both directions under (h), EncryptedExtensions.
    enum class acceptance : uint8_t { none, stored_auth_key, stored_auth_key_and_early_auth };
    result<handshake_stage> send_hello(early_stage early, bytes_view client_share, acceptance pdk, boundary end);
    // The end of the server's only flight in the accepted PDK handshake.
    server_states::wait_client_finished_pdk finish_predistributed(master_stage keys, std::optional<judged_peer> peer);
    result<authenticated_stage> authenticated(handshake_stage keys, const server_context::prepared& own, received message,
                                              boundary end);
    // KEMEncapsulation to the client's leaf.
    result<secret_bytes> authenticate_client(const judged_peer& peer);
    // What the session takes over of the handshake; its secrets are the caller's to fill in.
    session_parts parts(std::optional<judged_peer> peer);

    std::shared_ptr<const server_context> context_;
    server_states::any state_;
    handshake_flow flow_ = handshake_flow::full;
    scheme scheme_{};
    std::string alpn_;
    std::string server_name_;
};

}  // namespace berth::authkem
