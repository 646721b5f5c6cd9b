// The server's first two messages (profile 1, sections 2 and 6).
#include "authkem/client_handshake.h"
#include "authkem/encrypted_extensions.h"
#include "authkem/server_hello.h"

namespace berth::authkem {

namespace {

// Profile 6: "a client that sees acceptance with another answers `illegal_parameter`"; "a server that accepts
// echoes `early_auth` exactly when the client sent it, else the client answers `illegal_parameter`".
result<void> judge_acceptance(const parsed_server_hello& hello, cipher_suite first, bool early_auth_sent) {
    if (!hello.pdk_accepted) {
        return {};
    }
    if (hello.suite != first) {
        return refuse(alert::illegal_parameter, "pdk_with_other_suite",
                      "the server accepts the pre-distributed key with a cipher suite that was not our first");
    }
    if (hello.early_auth != early_auth_sent) {
        return refuse(alert::illegal_parameter, "early_auth_not_echoed",
                      "the server accepts the pre-distributed key but not the early certificate");
    }
    return {};
}

}  // namespace

result<client_states::step> client_handshake::on(client_states::wait_server_hello now, received message, boundary end) {
    const client_config& config = context_->config();
    BERTH_TRY(hello, parse_server_hello(message.body(), now.offered, config.suites));
    BERTH_CHECK(judge_acceptance(hello, config.suites.front(), !now.early_certificate.empty()));
    auto shared = now.share.finish(hello.key_share);
    if (!shared) {
        return refuse(alert::illegal_parameter, std::move(shared).error());
    }
    suite_ = hello.suite;
    transcript_.emplace(hash());
    transcript_->add(now.hello);
    // Profile 6: "(over CH..SH, the early Certificate standing between CH and SH in the transcript)"; on
    // refusal "the early Certificate leaves the transcript".
    if (hello.early_auth) {
        transcript_->add(now.early_certificate);
    }
    transcript_->add(message.octets);

    early_stage early = hello.pdk_accepted ? *std::move(now.pdk) : early_stage(hash(), &config.observe.secrets);
    handshake_stage keys = std::move(early).handshake(*shared);
    const traffic_secrets secrets = keys.secrets(transcript_->hash());
    records_.set_write_secret(suite_, secrets.client);
    records_.set_read_secret(suite_, secrets.server, *std::move(end));

    if (hello.pdk_accepted) {
        flow_ = handshake_flow::pdk;
        return step{event::server_hello_pdk,
                    client_states::wait_encrypted_extensions_pdk{std::move(now.offered), std::move(keys), hello.early_auth}};
    }
    if (config.pdk) {
        flow_ = handshake_flow::pdk_refused;
        // Profile 6: "A client MAY be configured to treat refusal as fatal, and devices do for their
        // manufacturer's key: `handshake_failure`, under c hs."
        if (config.pdk->refusal_is_fatal) {
            return refuse(alert::handshake_failure, "predistributed_key_refused",
                          config.pdk->early_auth
                              ? "the server did not take the key that it should be known by: it is another server, it was given "
                                "a new key, or it takes no certificate from its clients"
                              : "the server does not hold the private key that this device was given the public key of; it is "
                                "another server, or it was given a new key");
        }
    }
    return step{event::server_hello, client_states::wait_encrypted_extensions{std::move(now.offered), std::move(keys)}};
}

result<std::string> client_handshake::judge_encrypted_extensions(received message, const offered_extensions& offered) {
    const client_config& config = context_->config();
    BERTH_TRY(parsed, parse_encrypted_extensions(message.body(), offered, config.alpn, config.alpn_required));
    transcript_->add(message.octets);
    return std::move(parsed.alpn);
}

result<client_states::step> client_handshake::on(client_states::wait_encrypted_extensions now, received message, boundary) {
    BERTH_TRY(alpn, judge_encrypted_extensions(message, now.offered));
    alpn_ = std::move(alpn);
    return step{event::encrypted_extensions, client_states::wait_certificate_or_request{std::move(now.keys)}};
}

}  // namespace berth::authkem
