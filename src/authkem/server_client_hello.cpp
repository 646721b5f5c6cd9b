// The server's answer to ClientHello (profile 1, sections 2, 4 and 6).
#include "authkem/encrypted_extensions.h"
#include "authkem/server_handshake.h"
#include "authkem/server_hello.h"

#include <algorithm>

namespace berth::authkem {

namespace {

// Profile 8: "the server takes the first cipher suite of the client's list that it knows".
result<cipher_suite> choose_suite(const std::vector<uint16_t>& offered, const std::vector<cipher_suite>& ours) {
    for (const uint16_t code : offered) {
        const std::optional<cipher_suite> suite = cipher_suite_from_code(code);
        if (suite && std::find(ours.begin(), ours.end(), *suite) != ours.end()) {
            return *suite;
        }
    }
    return refuse(alert::handshake_failure, "no_common_suite", "the client offers none of our cipher suites");
}

// Profile 2: "It answers `no_application_protocol` when both ends name protocols and none is common, or when
// its caller demands ALPN and the client names none".
result<std::string> choose_protocol(const std::vector<std::string>& offered, const server_config& config) {
    for (const std::string& name : config.alpn) {
        if (std::find(offered.begin(), offered.end(), name) != offered.end()) {
            return name;
        }
    }
    if ((!offered.empty() && !config.alpn.empty()) || config.alpn_required) {
        return refuse(alert::no_application_protocol, "no_application_protocol",
                      "the client names none of our application protocols");
    }
    return std::string{};
}

}  // namespace

result<void> server_handshake::negotiate(const parsed_client_hello& hello) {
    BERTH_TRY(suite, choose_suite(hello.cipher_suites, context_->config().suites));
    suite_ = suite;
    BERTH_TRY(alpn, choose_protocol(hello.alpn, context_->config()));
    alpn_ = std::move(alpn);
    server_name_ = hello.server_name;
    return {};
}

// Profile 6, refusal: "a server that does not know the fingerprint, cannot select the first cipher suite,
// requires a client certificate where `early_auth` is absent, or takes none where it is present, omits both
// extensions from ServerHello".
const server_context::prepared* server_handshake::accept_predistributed(const parsed_client_hello& hello) const {
    const client_auth wanted = context_->config().client_auth;
    if (!hello.stored_auth_key || static_cast<uint16_t>(suite_) != hello.cipher_suites.front() ||
        (wanted == client_auth::require && !hello.early_auth) || (wanted == client_auth::none && hello.early_auth)) {
        return nullptr;
    }
    return context_->credential_with(hello.stored_auth_key->key_fingerprint.view());
}

result<handshake_stage> server_handshake::send_hello(early_stage early, bytes_view client_share, acceptance pdk, boundary end) {
    // Profile 8: "32 octets ClientHello/ServerHello random; then for its X25519MLKEM768 share".
    const auto random = random_.octets<32>();
    auto response = crypto::x25519mlkem768_respond(client_share, random_);
    if (!response) {
        return refuse(alert::illegal_parameter, std::move(response).error());
    }
    BERTH_TRY(hello, encode_server_hello({random, suite_, response->share, pdk != acceptance::none,
                                          pdk == acceptance::stored_auth_key_and_early_auth}));
    send(hello);
    handshake_stage keys = std::move(early).handshake(response->secret);
    const traffic_secrets secrets = keys.secrets(transcript_->hash());
    records_.set_write_secret(suite_, secrets.server);
    records_.set_read_secret(suite_, secrets.client, *std::move(end));
    records_.allow_unprotected_alert(true);
    BERTH_TRY(extensions, encode_encrypted_extensions(alpn_));
    send(extensions);
    return keys;
}

result<server_states::step> server_handshake::on(server_states::wait_client_hello, received message, boundary end) {
    records_.allow_change_cipher_spec(true);
    BERTH_TRY(hello, parse_client_hello(message.body()));
    BERTH_CHECK(negotiate(hello));
    transcript_.emplace(hash());
    transcript_->add(message.octets);
    if (const server_context::prepared* own = accept_predistributed(hello)) {
        return answer_predistributed(std::move(hello), *own, std::move(end));
    }
    // Profile 2: "`handshake_failure` when it has no leaf of an offered scheme".
    if (context_->credential_for(hello.signature_algorithms) == nullptr) {
        return refuse(alert::handshake_failure, "no_common_scheme", "the client accepts none of the schemes of our certificates");
    }
    return answer_in_full(hello, std::move(end));
}

result<server_states::step> server_handshake::answer_in_full(const parsed_client_hello& hello, boundary end) {
    const server_context::prepared& own = *context_->credential_for(hello.signature_algorithms);
    flow_ = hello.stored_auth_key ? handshake_flow::pdk_refused : handshake_flow::full;
    scheme_ = own.key->algorithm();
    BERTH_TRY(keys, send_hello(early_stage(hash(), &context_->config().observe.secrets), hello.key_share, acceptance::none,
                               std::move(end)));
    if (hello.early_auth) {
        records_.discard_early_records();
    }
    if (context_->config().client_auth == client_auth::none) {
        send(own.certificate);
        return step{event::client_hello, server_states::wait_client_kem_encapsulation{std::move(keys), &own}};
    }
    send(context_->certificate_request());
    send(own.certificate);
    return step{event::client_hello_mutual, server_states::wait_client_kem_encapsulation_mutual{std::move(keys), &own}};
}

}  // namespace berth::authkem
