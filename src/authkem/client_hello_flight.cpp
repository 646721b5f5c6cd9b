// What a client sends first (profile 1, sections 2 and 6).
#include "authkem/client_handshake.h"
#include "authkem/client_hello.h"

namespace berth::authkem {

result<client_states::step> client_handshake::hello() {
    const client_config& config = context_->config();
    // Profile 8: "32 octets ClientHello/ServerHello random; then for its X25519MLKEM768 share [...] For PDK
    // the client draws the encapsulation randomness right after the share."
    client_hello_content content;
    content.random = random_.octets<32>();
    auto share = crypto::x25519mlkem768_client::generate(random_);
    content.suites = config.suites;
    content.schemes = config.schemes;
    content.server_name = context_->server_name();
    content.alpn = config.alpn;
    content.key_share = share.share();

    // Profile 6: "Hash and AEAD of ES, SSs and (e) are those of the first cipher suite in the ClientHello".
    const cipher_suite first = config.suites.front();
    std::optional<early_stage> early;
    encapsulated sealed;
    if (config.pdk) {
        sealed = encapsulate_to(config.pdk->key, authenticated_side::server, hash_of(first), random_);
        early.emplace(hash_of(first), sealed.secret, &config.observe.secrets);
        content.pdk = {config.pdk->key.spki_sha256(), sealed.encapsulation, context_->early_auth()};
    }
    BERTH_TRY(hello, encode_client_hello(content));
    records_.write(content_type::handshake, hello.message);
    records_.allow_change_cipher_spec(true);

    bytes early_certificate;
    if (context_->early_auth()) {
        transcript so_far(hash_of(first));
        so_far.add(hello.message);
        records_.set_write_secret(first, early->client_early(so_far.hash()));
        early_certificate = context_->certificate();
        records_.write(content_type::handshake, early_certificate);
    }
    return step{event::start, client_states::wait_server_hello{std::move(hello.message), std::move(hello.offered),
                                                               std::move(share), std::move(early), std::move(early_certificate)}};
}

}  // namespace berth::authkem
