// The Finished messages of the full handshake, as the server sees them (profile 1, sections 4 and 5).
#include "authkem/finished.h"
#include "authkem/server_handshake.h"

namespace berth::authkem {

result<server_states::step> server_handshake::on(server_states::wait_client_finished now, received message, boundary end) {
    BERTH_TRY(verify_data, parse_finished(message.body(), hash()));
    // client verify_data = HMAC(fk_c, Hash(CH .. the message before client Finished))
    BERTH_TRY(proof, now.keys.verify(role::client, transcript_->hash(), verify_data));
    transcript_->add(message.octets);
    const crypto::digest to_client_finished = transcript_->hash();
    secret_bytes client_application = now.keys.application(role::client, to_client_finished);
    records_.set_read_secret(suite_, client_application, *std::move(end));
    records_.allow_change_cipher_spec(false);

    // server verify_data = HMAC(fk_s, Hash(CH .. client Finished))
    send(encode_finished(now.keys.verify_data(role::server, to_client_finished)));
    const crypto::digest to_server_finished = transcript_->hash();
    secret_bytes server_application = now.keys.application(role::server, to_server_finished);
    records_.set_write_secret(suite_, server_application);

    session_parts out = parts(std::move(now.peer));
    out.exporter_master = now.keys.exporter_master(to_server_finished);
    out.application = {std::move(client_application), std::move(server_application)};
    session_.emplace(std::move(proof), std::move(out));
    return step{event::finished, server_states::established{}};
}

}  // namespace berth::authkem
