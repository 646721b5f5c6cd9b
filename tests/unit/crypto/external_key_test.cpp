// Keys held elsewhere, where "elsewhere" is a key in software that counts how often it is asked.
#include "crypto/external_key.h"
#include "crypto/hash.h"
#include "crypto/sign_impl_openssl.h"
#include "support/test_pki.h"

#include "pki/certificate_openssl.h"
#include "pki/csr.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>

namespace berth::crypto {

namespace {

using test::name_of_error;
using test::value_of;

class elsewhere final : public external_signer {
public:
    explicit elsewhere(signing_key key) : key_(std::move(key)) {}
    result<bytes> sign_digest(bytes_view hashed) const override {
        ++asked;
        if (gone) {
            return fail(error_category::environment, "gone", "The holder has left.");
        }
        const evp_pkey_ctx_ptr context(EVP_PKEY_CTX_new_from_pkey(lib_context(), key_.get().key.get(), default_only));
        size_t size = 200;
        bytes out(size);
        EXPECT_EQ(EVP_PKEY_sign_init(context.get()), 1);
        EXPECT_EQ(EVP_PKEY_sign(context.get(), out.data(), &size, hashed.data(), hashed.size()), 1);
        out.resize(size);
        return out;
    }
    mutable std::atomic<int> asked = 0;
    std::atomic<bool> gone = false;

private:
    signing_key key_;
};

struct held {
    signing_key real;
    std::shared_ptr<elsewhere> holder = std::make_shared<elsewhere>(real);
    signing_key key = value_of(external_signing_key(real.public_key(), holder));
    explicit held(signature_algorithm alg = signature_algorithm::ecdsa_p256_sha256) : real(test::signature_key("held", alg)) {}
};

TEST(ExternalKey, SignsThroughItsHolder) {
    for (const auto alg : {signature_algorithm::ecdsa_p256_sha256, signature_algorithm::ecdsa_p384_sha384}) {
        const held h(alg);
        EXPECT_EQ(h.key.algorithm(), alg);
        EXPECT_EQ(h.key.public_key(), h.real.public_key());
        const bytes signature = value_of(h.key.sign(as_bytes("message")));
        EXPECT_EQ(h.holder->asked, 1);
        EXPECT_TRUE(h.real.public_key().verify(as_bytes("message"), signature));
        EXPECT_EQ(name_of_error(h.key.to_pkcs8()), "key_not_exportable");
    }
    EXPECT_EQ(
        name_of_error(external_signing_key(test::signature_key("held", signature_algorithm::mldsa44).public_key(), nullptr)),
        "unsupported_key_algorithm");
}

TEST(ExternalKey, SaysWhyItsHolderDidNotSign) {
    const held h;
    h.holder->gone = true;
    const auto refused = h.key.sign(as_bytes("message"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().name, "signing_failed");
    EXPECT_NE(refused.error().message.find("The holder has left."), std::string::npos) << refused.error().message;
    pki::csr_template request;
    request.subject.add("CN", "x");
    EXPECT_EQ(name_of_error(pki::build_csr(request, h.key)), "signing_failed");
    h.holder->gone = false;
    EXPECT_TRUE(h.key.sign(as_bytes("message"))) << "and works again when it is back";
}

// The keys in software are where they were: whoever asks for EC without further words gets libcrypto's own.
TEST(ExternalKey, LeavesOtherKeysAlone) {
    const held h;
    const evp_pkey_ptr made(EVP_PKEY_Q_keygen(lib_context(), nullptr, "EC", "P-256"));
    ASSERT_TRUE(made);
    EXPECT_STREQ(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(made.get())), "default");
    EXPECT_EQ(EVP_PKEY_eq(h.key.get().key.get(), h.real.get().key.get()), 1);
    EXPECT_EQ(EVP_PKEY_eq(h.real.get().key.get(), h.key.get().key.get()), 1);
    unsigned char* der = nullptr;
    EXPECT_LE(i2d_PrivateKey(h.key.get().key.get(), &der), 0) << "there is no private key to encode";
    OPENSSL_free(der);
}

using ssl_ctx_ptr = openssl_ptr<SSL_CTX, SSL_CTX_free>;
using ssl_ptr = openssl_ptr<SSL, SSL_free>;

// Everything that the peer sends into one another's ears until both have finished or one has failed.
bool handshake(SSL* client, SSL* server) {
    BIO* to_server = nullptr;
    BIO* to_client = nullptr;
    BIO_new_bio_pair(&to_server, 0, &to_client, 0);
    SSL_set_bio(client, to_server, to_server);
    SSL_set_bio(server, to_client, to_client);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < 20; ++i) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    return SSL_is_init_finished(client) == 1 && SSL_is_init_finished(server) == 1;
}

// TLS 1.3 with X25519MLKEM768: the client's certificate is for a key held elsewhere. A provider that libssl finds no use for
// shows as an empty Certificate, which the client takes for success: so the server is asked what it saw.
TEST(ExternalKey, AuthenticatesAClientInTls) {
    const held h;
    const auto root = test::make_root("root", signature_algorithm::ecdsa_p256_sha256);
    pki::certificate_template contents;
    contents.subject.add("CN", "device");
    contents.not_before = test::usual.not_before;
    contents.not_after = test::usual.not_after;
    const auto client_certificate = test::issue(root, contents, h.key.public_key().spki());
    const auto server_key = test::signature_key("server");
    const auto server_certificate = test::issue(root, contents, server_key.public_key().spki());

    const ssl_ctx_ptr client_context(SSL_CTX_new_ex(lib_context(), nullptr, TLS_client_method()));
    const ssl_ctx_ptr server_context(SSL_CTX_new_ex(lib_context(), nullptr, TLS_server_method()));
    ASSERT_EQ(SSL_CTX_set1_groups_list(client_context.get(), "X25519MLKEM768"), 1);
    ASSERT_EQ(SSL_CTX_use_certificate(client_context.get(), client_certificate.get().x509.get()), 1);
    ASSERT_EQ(SSL_CTX_use_PrivateKey(client_context.get(), h.key.get().key.get()), 1) << openssl_errors();
    ASSERT_EQ(SSL_CTX_check_private_key(client_context.get()), 1);
    ASSERT_EQ(SSL_CTX_use_certificate(server_context.get(), server_certificate.get().x509.get()), 1);
    ASSERT_EQ(SSL_CTX_use_PrivateKey(server_context.get(), server_key.get().key.get()), 1);
    // Whether the chain is good is not the question here; that there is a certificate, and a signature with its key, is.
    SSL_CTX_set_verify(server_context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       [](int, X509_STORE_CTX*) { return 1; });

    for (const bool gone : {false, true}) {
        h.holder->asked = 0;
        h.holder->gone = gone;
        const ssl_ptr client(SSL_new(client_context.get()));
        const ssl_ptr server(SSL_new(server_context.get()));
        EXPECT_EQ(handshake(client.get(), server.get()), !gone) << openssl_errors();
        EXPECT_EQ(h.holder->asked, 1);
        EXPECT_EQ(SSL_is_init_finished(server.get()), gone ? 0 : 1);
        openssl_errors();
        if (!gone) {
            const X509* seen = SSL_get0_peer_certificate(server.get());
            ASSERT_NE(seen, nullptr);
            EXPECT_EQ(to_der(seen, i2d_X509), to_bytes(client_certificate.der()));
        }
    }
}

TEST(ExternalKey, ServesSeveralThreads) {
    const held h;
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 20; ++n) {
                const auto signature = h.key.sign(as_bytes("message"));
                good += signature && h.real.public_key().verify(as_bytes("message"), *signature) ? 1 : 0;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(good.load(), 80);
    EXPECT_EQ(h.holder->asked, 80);
}

}  // namespace

}  // namespace berth::crypto
