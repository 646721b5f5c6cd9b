// The accepted PDK handshake, as the server sees it (profile 1, section 6).
#include "authkem/finished.h"
#include "authkem/server_handshake.h"

namespace berth::authkem {

result<server_states::step> server_handshake::answer_predistributed(parsed_client_hello hello,
                                                                    const server_context::prepared& own, boundary end) {
    BERTH_TRY(secret,
              decapsulate_with(*own.key, hello.stored_auth_key->encapsulation.view(), authenticated_side::server, hash()));
    flow_ = handshake_flow::pdk;
    scheme_ = own.key->algorithm();
    early_stage early(hash(), secret, &context_->config().observe.secrets);
    if (hello.early_auth) {
        // Profile 6: "An accepting server reads it before it sends ServerHello".
        records_.set_read_secret(suite_, early.client_early(transcript_->hash()), *std::move(end));
        return step{event::client_hello_pdk_early,
                    server_states::wait_early_certificate{std::move(early), std::move(hello.key_share)}};
    }
    BERTH_TRY(keys, send_hello(std::move(early), hello.key_share, acceptance::stored_auth_key, std::move(end)));
    return step{event::client_hello_pdk, finish_predistributed(std::move(keys).master({}), std::nullopt)};
}

result<server_states::step> server_handshake::on(server_states::wait_early_certificate now, received message, boundary end) {
    // Profile 6: "a message that does not parse or breaks the rules just named, goes out unprotected in place
    // of ServerHello".
    BERTH_TRY(chain, parse_certificate(message.body()));
    // "The early Certificate has an empty context and at least one entry (else `decode_error`)".
    if (chain.empty()) {
        return refuse(alert::decode_error, "no_early_certificate", "the client's early Certificate is empty");
    }
    transcript_->add(message.octets);
    BERTH_TRY(keys, send_hello(std::move(now.early), now.key_share, acceptance::stored_auth_key_and_early_auth, std::move(end)));
    // "The certificates in it (encoding, leaf, chain, validity, revocation, policy) it judges only after it
    // has sent ServerHello and EncryptedExtensions: an alert about them goes out under s hs".
    const server_config& config = context_->config();
    BERTH_TRY(peer, judge_peer(chain, config.client, config.schemes, time_));
    BERTH_TRY(secret, authenticate_client(peer));
    return step{event::early_certificate, finish_predistributed(std::move(keys).master(secret), std::move(peer))};
}

server_states::wait_client_finished_pdk server_handshake::finish_predistributed(master_stage keys,
                                                                                std::optional<judged_peer> peer) {
    // server verify_data = HMAC(fk_s, Hash(CH .. the message before server Finished))
    send(encode_finished(keys.verify_data(role::server, transcript_->hash())));
    // c ap, s ap, exporter_master: over CH..server Finished
    const crypto::digest so_far = transcript_->hash();
    traffic_secrets application{keys.application(role::client, so_far), keys.application(role::server, so_far)};
    records_.set_write_secret(suite_, application.server);
    secret_bytes exporter = keys.exporter_master(so_far);
    return {std::move(keys), std::move(peer), std::move(application), std::move(exporter)};
}

result<server_states::step> server_handshake::on(server_states::wait_client_finished_pdk now, received message, boundary end) {
    BERTH_TRY(verify_data, parse_finished(message.body(), hash()));
    // client verify_data = HMAC(fk_c, Hash(CH .. server Finished))
    BERTH_TRY(proof, now.keys.verify(role::client, transcript_->hash(), verify_data));
    records_.set_read_secret(suite_, now.application.client, *std::move(end));
    records_.allow_change_cipher_spec(false);
    session_parts out = parts(std::move(now.peer));
    out.exporter_master = std::move(now.exporter_master);
    out.application = std::move(now.application);
    session_.emplace(std::move(proof), std::move(out));
    return step{event::finished, server_states::established{}};
}

}  // namespace berth::authkem
