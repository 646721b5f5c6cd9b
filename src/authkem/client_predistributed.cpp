// The accepted PDK handshake, as the client sees it (profile 1, section 6).
#include "authkem/client_handshake.h"
#include "authkem/finished.h"

namespace berth::authkem {

result<client_states::step> client_handshake::on(client_states::wait_encrypted_extensions_pdk now, received message, boundary) {
    BERTH_TRY(alpn, judge_encrypted_extensions(message, now.offered));
    alpn_ = std::move(alpn);
    // Profile 6: "In an accepted PDK handshake KEMEncapsulation is present exactly when `early_auth` was
    // echoed".
    if (now.early_auth) {
        return step{event::encrypted_extensions_early, client_states::wait_kem_encapsulation_pdk{std::move(now.keys)}};
    }
    return step{event::encrypted_extensions, client_states::wait_server_finished_pdk{std::move(now.keys).master({})}};
}

result<client_states::step> client_handshake::on(client_states::wait_kem_encapsulation_pdk now, received message, boundary) {
    BERTH_TRY(secret, client_secret(message));
    return step{event::kem_encapsulation, client_states::wait_server_finished_pdk{std::move(now.keys).master(secret)}};
}

result<client_states::step> client_handshake::on(client_states::wait_server_finished_pdk now, received message, boundary end) {
    BERTH_TRY(verify_data, parse_finished(message.body(), hash()));
    // server verify_data = HMAC(fk_s, Hash(CH .. the message before server Finished))
    BERTH_TRY(proof, now.keys.verify(role::server, transcript_->hash(), verify_data));
    transcript_->add(message.octets);
    // c ap, s ap, exporter_master: over CH..server Finished
    const crypto::digest so_far = transcript_->hash();
    traffic_secrets application{now.keys.application(role::client, so_far), now.keys.application(role::server, so_far)};
    // client verify_data = HMAC(fk_c, Hash(CH .. server Finished))
    send(encode_finished(now.keys.verify_data(role::client, so_far)));
    records_.set_write_secret(suite_, application.client);
    records_.set_read_secret(suite_, application.server, *std::move(end));
    records_.allow_change_cipher_spec(false);
    const crypto::kem_public_key& key = context_->config().pdk->key;
    session_.emplace(std::move(proof), session_parts{.suite = suite_,
                                                     .flow = flow_,
                                                     .scheme = key.algorithm(),
                                                     .alpn = std::move(alpn_),
                                                     .server_name = std::string(context_->server_name()),
                                                     .peer = peer_identity::holder_of(key),
                                                     .exporter_master = now.keys.exporter_master(so_far),
                                                     .application = std::move(application)});
    return step{event::finished, client_states::established{}};
}

}  // namespace berth::authkem
