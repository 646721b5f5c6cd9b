// The server's certificate and ours (profile 1, section 4).
#include "authkem/certificate_request.h"
#include "authkem/client_handshake.h"
#include "authkem/kem_encapsulation.h"

#include <algorithm>

namespace berth::authkem {

namespace {

const bytes& empty_certificate() {
    static const bytes message = *encode_certificate({});
    return message;
}

}  // namespace

result<judged_peer> client_handshake::judge_server(received certificate) {
    BERTH_TRY(chain, parse_certificate(certificate.body()));
    // Profile 2: "An empty server Certificate is `decode_error`."
    if (chain.empty()) {
        return refuse(alert::decode_error, "no_server_certificate", "the server's Certificate is empty");
    }
    BERTH_TRY(peer, judge_peer(chain, context_->config().server, context_->config().schemes, time_));
    transcript_->add(certificate.octets);
    return peer;
}

result<authenticated_stage> client_handshake::authenticate_server(handshake_stage keys, const judged_peer& peer, boundary end) {
    const encapsulated sealed = encapsulate_to(peer.key(), authenticated_side::server, hash(), random_);
    BERTH_TRY(message, encode_kem_encapsulation(sealed.encapsulation));
    send(message);
    // Profile 4: "After sending its KEMEncapsulation the client writes and reads with (a)".
    authenticated_stage next = std::move(keys).authenticated(sealed.secret);
    const traffic_secrets secrets = next.secrets(transcript_->hash());
    records_.set_write_secret(suite_, secrets.client);
    records_.set_read_secret(suite_, secrets.server, *std::move(end));
    return next;
}

result<client_states::step> client_handshake::on(client_states::wait_certificate_or_request now, received message, boundary end) {
    if (message.type == handshake_type::certificate_request) {
        // Profile 4: "A client that receives a CertificateRequest its policy did not expect answers
        // `unexpected_message`."
        if (!context_->config().expect_certificate_request) {
            return refuse(alert::unexpected_message, "certificate_request_unexpected",
                          "the server asks for a client certificate, which our policy does not allow");
        }
        BERTH_TRY(requested, parse_certificate_request(message.body()));
        transcript_->add(message.octets);
        return step{event::certificate_request, client_states::wait_certificate{std::move(now.keys), std::move(requested)}};
    }
    BERTH_TRY(peer, judge_server(message));
    BERTH_TRY(keys, authenticate_server(std::move(now.keys), peer, std::move(end)));
    return step{event::certificate, finish(std::move(keys).master({}), std::move(peer))};
}

result<client_states::step> client_handshake::on(client_states::wait_certificate now, received message, boundary end) {
    BERTH_TRY(peer, judge_server(message));
    BERTH_TRY(keys, authenticate_server(std::move(now.keys), peer, std::move(end)));
    const auto& own = context_->config().own;
    const bool suitable =
        own && !context_->certificate().empty() &&
        std::find(now.requested.begin(), now.requested.end(), code_of(own->key->algorithm())) != now.requested.end();
    if (!suitable) {
        // Profile 4: "A client with no certificate of a requested scheme sends an empty one and, expecting no
        // KEMEncapsulation, its Finished in the same flight; SSc = 0 if the server allows that."
        send(empty_certificate());
        return step{event::certificate, finish(std::move(keys).master({}), std::move(peer))};
    }
    send(context_->certificate());
    return step{event::certificate_answered, client_states::wait_kem_encapsulation{std::move(keys), std::move(peer)}};
}

result<secret_bytes> client_handshake::client_secret(received kem_encapsulation) {
    BERTH_TRY(encapsulation, parse_kem_encapsulation(kem_encapsulation.body()));
    BERTH_TRY(secret, decapsulate_with(*context_->config().own->key, encapsulation, authenticated_side::client, hash()));
    transcript_->add(kem_encapsulation.octets);
    return secret;
}

result<client_states::step> client_handshake::on(client_states::wait_kem_encapsulation now, received message, boundary) {
    BERTH_TRY(secret, client_secret(message));
    return step{event::kem_encapsulation, finish(std::move(now.keys).master(secret), std::move(now.peer))};
}

}  // namespace berth::authkem
