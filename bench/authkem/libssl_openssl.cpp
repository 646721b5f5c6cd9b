// The peer to compare with: OpenSSL's own TLS 1.3, mutual, X25519MLKEM768, ML-DSA-65 leaves directly under the ML-DSA-65
// root (only the leaf is sent), TLS_AES_256_GCM_SHA384, both ends in one thread over memory, no tickets.
#include "authkem/flows.h"
#include "crypto/random.h"

#include <benchmark/benchmark.h>

#include <openssl/ssl.h>

namespace berth::authkem::bench {
namespace {

template <auto Free>
struct deleter {
    template <class T>
    void operator()(T* p) const {
        Free(p);
    }
};
using ctx_ptr = std::unique_ptr<SSL_CTX, deleter<SSL_CTX_free>>;
using ssl_ptr = std::unique_ptr<SSL, deleter<SSL_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, deleter<EVP_PKEY_free>>;
using x509_ptr = std::unique_ptr<X509, deleter<X509_free>>;

x509_ptr x509(bytes_view der) {
    const uint8_t* at = der.data();
    return x509_ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

// A leaf as server_credential() has it, but for the key.
ctx_ptr make_context(bool server) {
    const std::string name = server ? "server.example" : "client.example";
    const auto key = crypto::signing_key::generate(crypto::signature_algorithm::mldsa65, crypto::system_random());
    pki::certificate_template t;
    t.subject.add("CN", name);
    t.not_before = now - day;
    t.not_after = now + day;
    t.key_usage = pki::digital_signature;
    t.extended_key_usages = {std::string(pki::oid_server_auth), std::string(pki::oid_client_auth)};
    t.alt_names.dns = {name};
    const auto leaf = pki::issue(t, key.public_key().spki(), root().certificate(), root().key(), crypto::system_random()).value();

    ctx_ptr c(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
    const auto pkcs8 = key.to_pkcs8().value();
    const uint8_t* at = pkcs8.reveal().data();
    const key_ptr own(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(pkcs8.reveal().size())));
    const x509_ptr certificate = x509(leaf.der());
    const x509_ptr anchor = x509(root().certificate().der());
    bool fine = SSL_CTX_use_certificate(c.get(), certificate.get()) == 1;
    fine = fine && SSL_CTX_use_PrivateKey(c.get(), own.get()) == 1;
    fine = fine && X509_STORE_add_cert(SSL_CTX_get_cert_store(c.get()), anchor.get()) == 1;
    fine = fine && SSL_CTX_set1_groups_list(c.get(), "X25519MLKEM768") == 1;
    fine = fine && SSL_CTX_set_ciphersuites(c.get(), "TLS_AES_256_GCM_SHA384") == 1;
    fine = fine && SSL_CTX_set_min_proto_version(c.get(), TLS1_3_VERSION) == 1;
    fine = fine && SSL_CTX_set_num_tickets(c.get(), 0) == 1;
    if (!fine) {
        return nullptr;
    }
    SSL_CTX_set_mode(c.get(), SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(c.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(c.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(c.get()), now);
    return c;
}

ssl_ptr endpoint(SSL_CTX* context, BIO* reads, BIO* writes) {
    ssl_ptr s(SSL_new(context));
    BIO_up_ref(reads);
    BIO_up_ref(writes);
    SSL_set_bio(s.get(), reads, writes);
    return s;
}

void libssl(benchmark::State& state) {
    const ctx_ptr client_context = make_context(false);
    const ctx_ptr server_context = make_context(true);
    if (!client_context || !server_context) {
        state.SkipWithError("libssl refused the configuration");
        return;
    }
    std::string host = "server.example";
    uint64_t octets = 0;
    for (auto _ : state) {
        BIO* const up = BIO_new(BIO_s_mem());
        BIO* const down = BIO_new(BIO_s_mem());
        const ssl_ptr client = endpoint(client_context.get(), down, up);
        const ssl_ptr server = endpoint(server_context.get(), up, down);
        SSL_ctrl(client.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data());
        SSL_set1_host(client.get(), "server.example");
        int client_done = 0;
        int server_done = 0;
        for (int turn = 0; turn < 4 && (client_done != 1 || server_done != 1); ++turn) {
            client_done = SSL_connect(client.get());
            server_done = SSL_accept(server.get());
        }
        octets = BIO_number_written(up) + BIO_number_written(down);
        BIO_free(up);
        BIO_free(down);
        if (client_done != 1 || server_done != 1) {
            state.SkipWithError("the handshake failed");
            return;
        }
    }
    state.SetItemsProcessed(state.iterations());
    state.counters["octets"] = static_cast<double>(octets);
}

BENCHMARK(libssl);

}  // namespace
}  // namespace berth::authkem::bench
