#include "net/tls.h"

#include "net/tls_openssl.h"
#include "pki/certificate_openssl.h"

namespace berth::net {

namespace {

// SecP256r1MLKEM768 is there for peers without X25519; the classical two for peers without ML-KEM.
constexpr const char* hybrid_groups = "X25519MLKEM768:SecP256r1MLKEM768:SecP384r1MLKEM1024";
constexpr const char* all_groups = "X25519MLKEM768:SecP256r1MLKEM768:SecP384r1MLKEM1024:X25519:secp256r1:secp384r1";
constexpr const char* tls12_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

tl::unexpected<error> unavailable(const char* doing) {
    return fail(error_category::environment, "tls_unavailable",
                fmt::format("libssl refuses {}: {}", doing, crypto::openssl_errors()));
}

int judgement_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

struct verdict {
    std::string_view error;
    int code;
};
// libssl turns these into alerts: unknown_ca, certificate_expired, certificate_revoked, bad_certificate.
constexpr std::array verdicts{verdict{"unknown_issuer", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
                              verdict{"certificate_expired", X509_V_ERR_CERT_HAS_EXPIRED},
                              verdict{"certificate_not_yet_valid", X509_V_ERR_CERT_NOT_YET_VALID},
                              verdict{"certificate_revoked", X509_V_ERR_CERT_REVOKED}};

result<std::vector<pki::certificate>> presented(X509_STORE_CTX* store, read_issuers& issuers) {
    std::vector<pki::certificate> out;
    BERTH_TRY(leaf, pki::certificate_from_x509(X509_STORE_CTX_get0_cert(store)));
    out.push_back(std::move(leaf));
    const STACK_OF(X509)* others = X509_STORE_CTX_get0_untrusted(store);
    for (int i = 0; others && i < sk_X509_num(others); ++i) {
        const X509* const sent = sk_X509_value(others, i);
        if (sent == X509_STORE_CTX_get0_cert(store)) {
            continue;
        }
        BERTH_TRY(each, issuers.read(sent));
        if (!(each == out.front())) {
            out.push_back(std::move(each));
        }
    }
    return out;
}

result<void> judge(X509_STORE_CTX* store, tls_judgement& out) {
    const auto& rules = out.context->rules;
    BERTH_TRY(chain, presented(store, *out.context->issuers));
    if (rules.possession_only) {
        out.unverified = std::move(chain);
        return {};
    }
    const pki::verify_options options{.time = rules.time.value_or(pki::validity_instants::at(out.context->time.now())),
                                      .leaf = pki::leaf_rule::signature,
                                      .revocation = rules.revocation,
                                      .max_intermediates = rules.max_intermediates,
                                      .allow_rsa = rules.allow_rsa};
    BERTH_TRY(verified, pki::verify_chain(*rules.trust, chain, options));
    if (rules.policy) {
        BERTH_CHECK(rules.policy(verified));
    }
    out.verified = std::move(verified);
    return {};
}

// In place of libssl's own judgement.
int on_verify(X509_STORE_CTX* store, void*) {
    SSL* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* out = static_cast<tls_judgement*>(SSL_get_ex_data(ssl, judgement_index()));
    const auto judged = judge(store, *out);
    if (judged) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    out->refusal = judged.error();
    const auto* const found =
        std::find_if(verdicts.begin(), verdicts.end(), [&](const verdict& v) { return judged.error().is(v.error); });
    X509_STORE_CTX_set_error(store, found != verdicts.end() ? found->code : X509_V_ERR_CERT_REJECTED);
    return 0;
}

// RFC 7301 3.2: "if the server supports no protocols that the client advertises, then the server SHALL respond with a fatal
// no_application_protocol alert".
int on_alpn(SSL*, const unsigned char** out, unsigned char* length, const unsigned char* offered, unsigned offered_length,
            void* arg) {
    const auto& ours = static_cast<const tls_context::impl*>(arg)->alpn;
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, length, ours.data(), static_cast<unsigned>(ours.size()), offered, offered_length) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

result<std::vector<uint8_t>> encode_alpn(const std::vector<std::string>& names) {
    std::vector<uint8_t> out;
    for (const std::string& name : names) {
        if (name.empty() || name.size() > 255) {
            return fail(error_category::usage, "bad_alpn", "an application protocol's name has 1 to 255 octets");
        }
        out.push_back(static_cast<uint8_t>(name.size()));
        out.insert(out.end(), name.begin(), name.end());
    }
    return out;
}

struct x509_stack_deleter {
    void operator()(STACK_OF(X509) * stack) const noexcept { OSSL_STACK_OF_X509_free(stack); }
};
using x509_stack = std::unique_ptr<STACK_OF(X509), x509_stack_deleter>;

result<void> use(SSL_CTX* context, const tls_credential& credential) {
    if (credential.chain.empty() || !credential.key) {
        return fail(error_category::usage, "no_credential", "TLS needs a certificate chain and its key");
    }
    if (!same_octets(credential.chain.front().spki(), credential.key->public_key().spki())) {
        return fail(error_category::usage, "credential_key_mismatch", "the key is not that of the certificate");
    }
    x509_stack above(sk_X509_new_null());
    for (size_t i = 1; i < credential.chain.size(); ++i) {
        crypto::must(X509_add_cert(above.get(), credential.chain[i].get().x509.get(), X509_ADD_FLAG_UP_REF), "keeping a chain");
    }
    // Takes references of its own.
    if (SSL_CTX_use_cert_and_key(context, credential.chain.front().get().x509.get(),
                                 pki::evp_of(credential.key->as_signing_key()), above.get(), 1) != 1) {
        return unavailable("the certificate and key");
    }
    return {};
}

result<std::unique_ptr<tls_context::impl>> prepare(bool server, bool hybrid_only, bool allow_tls12,
                                                   const std::vector<std::string>& alpn, authkem::chain_rules rules,
                                                   const clock& time) {
    auto out = std::unique_ptr<tls_context::impl>(new tls_context::impl{
        .context = {}, .rules = std::move(rules), .time = time, .server = server, .server_name = {}, .alpn = {}});
    out->context.reset(SSL_CTX_new_ex(crypto::lib_context(), nullptr, server ? TLS_server_method() : TLS_client_method()));
    SSL_CTX* context = out->context.get();
    if (!context || SSL_CTX_set_min_proto_version(context, allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1 || SSL_CTX_set_cipher_list(context, tls12_ciphers) != 1 ||
        SSL_CTX_set1_groups_list(context, hybrid_only ? hybrid_groups : all_groups) != 1) {
        return unavailable("the protocol versions and groups");
    }
    // A resumed session has no certificates to judge, and they may have been revoked since.
    SSL_CTX_set_options(context,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_cert_verify_callback(context, on_verify, nullptr);
    BERTH_TRY(encoded, encode_alpn(alpn));
    out->alpn = std::move(encoded);
    return out;
}

}  // namespace

result<pki::certificate> read_issuers::read(const X509* sent) {
    const bytes der = crypto::to_der(sent, i2d_X509);
    {
        const std::scoped_lock hold(guard_);
        for (const auto& each : known_) {
            if (same_octets(each.der(), der)) {
                return each;
            }
        }
    }
    BERTH_TRY(read, pki::certificate::parse(der));
    if (der.size() <= most_octets && read.is_ca()) {
        const std::scoped_lock hold(guard_);
        if (known_.size() < most) {
            known_.push_back(read);
        } else {
            known_[next_++ % most] = read;
        }
    }
    return read;
}

tls_context::tls_context(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
tls_context::~tls_context() = default;

result<std::shared_ptr<const tls_context>> tls_context::make(tls_server_config config, const clock& time) {
    using wanted = tls_server_config::client_certificate;
    if (config.credentials.empty()) {
        return fail(error_category::usage, "no_credential", "a TLS server needs a certificate and its key");
    }
    if (config.clients != wanted::none && !config.client.trust && !config.client.possession_only) {
        return fail(error_category::usage, "no_trust_store", "no roots are configured that could vouch for clients");
    }
    BERTH_TRY(made, prepare(true, config.post_quantum_only, config.allow_tls12, config.alpn, std::move(config.client), time));
    for (const tls_credential& each : config.credentials) {
        BERTH_CHECK(use(made->context.get(), each));
    }
    if (config.clients != wanted::none) {
        SSL_CTX_set_verify(made->context.get(),
                           SSL_VERIFY_PEER | (config.clients == wanted::require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
    }
    if (!made->alpn.empty()) {
        SSL_CTX_set_alpn_select_cb(made->context.get(), on_alpn, made.get());
    }
    return std::make_shared<const tls_context>(std::move(made));
}

result<std::shared_ptr<const tls_context>> tls_context::make(tls_client_config config, const clock& time) {
    if (!config.server.trust && !config.server.possession_only) {
        return fail(error_category::usage, "no_trust_store", "no roots are configured that could vouch for the server");
    }
    BERTH_TRY(made, prepare(false, config.post_quantum_only, config.allow_tls12, config.alpn, std::move(config.server), time));
    if (config.own) {
        BERTH_CHECK(use(made->context.get(), *config.own));
    }
    made->server_name = std::move(config.server_name);
    SSL_CTX_set_verify(made->context.get(), SSL_VERIFY_PEER, nullptr);
    if (!made->alpn.empty()) {
        SSL_CTX_set_alpn_protos(made->context.get(), made->alpn.data(), static_cast<unsigned>(made->alpn.size()));
    }
    return std::make_shared<const tls_context>(std::move(made));
}

SSL* new_tls(const tls_context::impl& context, tls_judgement& judgement) {
    SSL* ssl = SSL_new(context.context.get());
    if (!ssl) {
        return nullptr;
    }
    judgement.context = &context;
    SSL_set_ex_data(ssl, judgement_index(), &judgement);
    if (!context.server && !context.server_name.empty()) {
        // SSL_set_tlsext_host_name, whose macro casts the old way.
        SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(context.server_name.c_str()));
    }
    return ssl;
}

void describe(SSL* ssl, const tls_judgement& judgement, peer_info& into) {
    into.transport = transport_kind::tls;
    into.protocol = SSL_get_version(ssl);
    into.suite = SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl));
    if (const char* group = SSL_get0_group_name(ssl)) {
        into.group = group;
    }
    const unsigned char* alpn = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl, &alpn, &length);
    into.alpn.assign(reinterpret_cast<const char*>(alpn), length);
    if (judgement.verified) {
        into.state = authkem::verification::verified;
        into.chain.assign(judgement.verified->chain().begin(), judgement.verified->chain().end());
    } else if (!judgement.unverified.empty()) {
        into.state = authkem::verification::possession_only;
        into.chain = judgement.unverified;
    }
}

result<secret_bytes> tls_exporter(SSL* ssl, std::string_view label, bytes_view context, size_t length) {
    secret_bytes out(length);
    if (SSL_export_keying_material(ssl, out.writable().data(), length, label.data(), label.size(), context.data(), context.size(),
                                   1) != 1) {
        return fail(error_category::internal, "tls_exporter_failed", crypto::openssl_errors());
    }
    return out;
}

result<secret_bytes> tls_unique(SSL* ssl, bool server) {
    if (SSL_version(ssl) != TLS1_2_VERSION || SSL_get_extms_support(ssl) != 1) {
        return fail(error_category::usage, "no_channel", "tls-unique is of TLS 1.2 with the extended master secret alone");
    }
    // Who resumes is answered by the server first; else the client's Finished is the first.
    const bool own = server == (SSL_session_reused(ssl) == 1);
    secret_bytes out(EVP_MAX_MD_SIZE);
    const auto room = out.writable();
    const size_t size =
        own ? SSL_get_finished(ssl, room.data(), room.size()) : SSL_get_peer_finished(ssl, room.data(), room.size());
    if (size == 0 || size > room.size()) {
        return fail(error_category::internal, "tls_unique_failed", "libssl has no Finished message to bind to");
    }
    out.resize(size);
    return out;
}

}  // namespace berth::net
