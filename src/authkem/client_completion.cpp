// The Finished messages of the full handshake, as the client sees them (profile 1, sections 4 and 5).
#include "authkem/client_handshake.h"
#include "authkem/finished.h"

namespace berth::authkem {

client_states::wait_server_finished client_handshake::finish(master_stage keys, judged_peer peer) {
    // client verify_data = HMAC(fk_c, Hash(CH .. the message before client Finished))
    send(encode_finished(keys.verify_data(role::client, transcript_->hash())));
    // Profile 4: "Each endpoint writes with (d) from right after its own Finished, alerts included".
    secret_bytes application = keys.application(role::client, transcript_->hash());
    records_.set_write_secret(suite_, application);
    return {std::move(keys), std::move(peer), std::move(application)};
}

result<client_states::step> client_handshake::on(client_states::wait_server_finished now, received message, boundary end) {
    BERTH_TRY(verify_data, parse_finished(message.body(), hash()));
    // server verify_data = HMAC(fk_s, Hash(CH .. client Finished))
    BERTH_TRY(proof, now.keys.verify(role::server, transcript_->hash(), verify_data));
    transcript_->add(message.octets);
    const crypto::digest so_far = transcript_->hash();
    secret_bytes server_application = now.keys.application(role::server, so_far);
    records_.set_read_secret(suite_, server_application, *std::move(end));
    records_.allow_change_cipher_spec(false);
    const scheme server_scheme = now.peer.key().algorithm();
    session_.emplace(std::move(proof),
                     session_parts{.suite = suite_,
                                   .flow = flow_,
                                   .scheme = server_scheme,
                                   .alpn = std::move(alpn_),
                                   .server_name = std::string(context_->server_name()),
                                   .peer = peer_identity(std::move(now.peer)),
                                   .exporter_master = now.keys.exporter_master(so_far),
                                   .application = {std::move(now.client_application), std::move(server_application)}});
    return step{event::finished, client_states::established{}};
}

}  // namespace berth::authkem
