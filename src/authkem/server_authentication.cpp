// The client's KEMEncapsulation and certificate (profile 1, section 4).
#include "authkem/kem_encapsulation.h"
#include "authkem/server_handshake.h"

namespace berth::authkem {

result<authenticated_stage> server_handshake::authenticated(handshake_stage keys, const server_context::prepared& own,
                                                            received message, boundary end) {
    BERTH_TRY(encapsulation, parse_kem_encapsulation(message.body()));
    BERTH_TRY(secret, decapsulate_with(*own.key, encapsulation, authenticated_side::server, hash()));
    transcript_->add(message.octets);
    // Profile 4: "after accepting it the server reads and writes with (a)".
    authenticated_stage next = std::move(keys).authenticated(secret);
    const traffic_secrets secrets = next.secrets(transcript_->hash());
    records_.set_read_secret(suite_, secrets.client, *std::move(end));
    records_.set_write_secret(suite_, secrets.server);
    return next;
}

result<server_states::step> server_handshake::on(server_states::wait_client_kem_encapsulation now, received message,
                                                 boundary end) {
    BERTH_TRY(keys, authenticated(std::move(now.keys), *now.own, message, std::move(end)));
    return step{event::kem_encapsulation, server_states::wait_client_finished{std::move(keys).master({}), std::nullopt}};
}

result<server_states::step> server_handshake::on(server_states::wait_client_kem_encapsulation_mutual now, received message,
                                                 boundary end) {
    BERTH_TRY(keys, authenticated(std::move(now.keys), *now.own, message, std::move(end)));
    return step{event::kem_encapsulation, server_states::wait_client_certificate{std::move(keys)}};
}

result<server_states::step> server_handshake::on(server_states::wait_client_certificate now, received message, boundary) {
    const server_config& config = context_->config();
    BERTH_TRY(chain, parse_certificate(message.body()));
    transcript_->add(message.octets);
    if (chain.empty()) {
        // Profile 4: "A server that requires a client certificate and gets an empty one answers
        // `certificate_required`."
        if (config.client_auth == client_auth::require) {
            return refuse(alert::certificate_required, "certificate_required", "the client has no certificate to show");
        }
        return step{event::certificate_empty, server_states::wait_client_finished{std::move(now.keys).master({}), std::nullopt}};
    }
    // "A server that does not accept a non-empty one answers with the fitting alert [...] and closes [...]:
    // it never continues unauthenticated".
    BERTH_TRY(peer, judge_peer(chain, config.client, config.schemes, time_));
    BERTH_TRY(secret, authenticate_client(peer));
    return step{event::certificate, server_states::wait_client_finished{std::move(now.keys).master(secret), std::move(peer)}};
}

}  // namespace berth::authkem
