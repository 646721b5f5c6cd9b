#include "authkem/server_handshake.h"

#include "authkem/kem_encapsulation.h"

namespace berth::authkem {

state server_handshake::current() const {
    return std::visit([](const auto& s) { return s.id; }, state_);
}

result<void> server_handshake::on_message(const message_view& message, std::optional<record_boundary> end) {
    // The handler consumes the state: after an error there is none left to go on from.
    auto taken = std::visit([&](auto& now) { return on(std::move(now), message, std::move(end)); }, state_);
    if (!taken) {
        return fail(std::move(taken).error());
    }
    return move_to(state_, role::server, taken->on, std::move(taken->next), context_->config().observe);
}

result<secret_bytes> server_handshake::authenticate_client(const judged_peer& peer) {
    encapsulated sealed = encapsulate_to(peer.key(), authenticated_side::client, hash(), random_);
    BERTH_TRY(message, encode_kem_encapsulation(sealed.encapsulation));
    send(message);
    return std::move(sealed.secret);
}

session_parts server_handshake::parts(std::optional<judged_peer> peer) {
    return {.suite = suite_,
            .flow = flow_,
            .scheme = scheme_,
            .alpn = std::move(alpn_),
            .server_name = std::move(server_name_),
            .peer = peer ? peer_identity(*std::move(peer)) : peer_identity::anonymous(),
            .exporter_master = {},
            .application = {}};
}

}  // namespace berth::authkem
