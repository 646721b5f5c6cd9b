// The provider as libcrypto sees it: composite KEM keys through EVP alone.
#include "crypto/crypto_openssl.h"
#include "crypto/kem.h"
#include "crypto/provider.h"
#include "support/given_random.h"

#include <thread>

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace berth::crypto {

namespace {

class Provider : public testing::TestWithParam<kem_algorithm> {
protected:
    void SetUp() override { load_provider(); }

    evp_pkey_ptr private_evp() const {
        const auto pkcs8 = *key_.to_pkcs8();
        const unsigned char* at = pkcs8.reveal().data();
        return evp_pkey_ptr(d2i_AutoPrivateKey_ex(nullptr, &at, static_cast<long>(pkcs8.size()), lib_context(), nullptr));
    }
    evp_pkey_ptr public_evp() const {
        const unsigned char* at = key_.public_key().spki().data();
        return evp_pkey_ptr(
            d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(key_.public_key().spki().size()), lib_context(), nullptr));
    }
    const char* name() const {
        return GetParam() == kem_algorithm::mlkem768_p256 ? "id-MLKEM768-ECDH-P256-SHA3-256" : "id-MLKEM1024-ECDH-P384-SHA3-256";
    }

    test::named_random random_{"provider"};
    kem_private_key key_ = kem_private_key::generate(GetParam(), random_);
};

std::string content(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<size_t>(size)};
}

TEST_P(Provider, DecodesAndEncodesTheSameOctets) {
    const evp_pkey_ptr pub = public_evp();
    ASSERT_TRUE(pub) << openssl_errors();
    EXPECT_EQ(EVP_PKEY_is_a(pub.get(), name()), 1);
    EXPECT_EQ(EVP_PKEY_is_a(pub.get(), std::string(oid_of(GetParam())).c_str()), 1);
    EXPECT_EQ(to_der(pub.get(), i2d_PUBKEY), to_bytes(key_.public_key().spki()));
    EXPECT_EQ(EVP_PKEY_get_security_bits(pub.get()), GetParam() == kem_algorithm::mlkem768_p256 ? 192 : 256);

    const evp_pkey_ptr priv = private_evp();
    ASSERT_TRUE(priv) << openssl_errors();
    EXPECT_EQ(EVP_PKEY_eq(pub.get(), priv.get()), 1);
    const pkcs8_ptr info(EVP_PKEY2PKCS8(priv.get()));
    ASSERT_TRUE(info) << openssl_errors();
    EXPECT_EQ(to_der(info.get(), i2d_PKCS8_PRIV_KEY_INFO), to_bytes(key_.to_pkcs8()->reveal()));
}

TEST_P(Provider, EncapsulatesForOurOwnCodeAndBack) {
    const evp_pkey_ptr pub = public_evp();
    const evp_pkey_ptr priv = private_evp();
    const evp_pkey_ctx_ptr sender(EVP_PKEY_CTX_new_from_pkey(lib_context(), pub.get(), nullptr));
    ASSERT_EQ(EVP_PKEY_encapsulate_init(sender.get(), nullptr), 1);
    size_t enc_size = 0;
    size_t secret_size = 0;
    ASSERT_EQ(EVP_PKEY_encapsulate(sender.get(), nullptr, &enc_size, nullptr, &secret_size), 1);
    EXPECT_EQ(enc_size, sizes_of(GetParam()).encapsulation);
    bytes enc(enc_size);
    bytes secret(secret_size);
    ASSERT_EQ(EVP_PKEY_encapsulate(sender.get(), enc.data(), &enc_size, secret.data(), &secret_size), 1);
    EXPECT_EQ(to_bytes(key_.decapsulate(enc)->reveal()), secret);

    const evp_pkey_ctx_ptr receiver(EVP_PKEY_CTX_new_from_pkey(lib_context(), priv.get(), nullptr));
    ASSERT_EQ(EVP_PKEY_decapsulate_init(receiver.get(), nullptr), 1);
    bytes again(secret_size);
    ASSERT_EQ(EVP_PKEY_decapsulate(receiver.get(), again.data(), &secret_size, enc.data(), enc.size()), 1);
    EXPECT_EQ(again, secret);
    enc.back() ^= 1;
    EXPECT_NE(EVP_PKEY_decapsulate(receiver.get(), again.data(), &secret_size, enc.data(), enc.size()), 1);

    // A public key cannot decapsulate, and a short buffer is refused.
    const evp_pkey_ctx_ptr public_only(EVP_PKEY_CTX_new_from_pkey(lib_context(), pub.get(), nullptr));
    EXPECT_NE(EVP_PKEY_decapsulate_init(public_only.get(), nullptr), 1);
    size_t short_size = enc_size - 1;
    EXPECT_NE(EVP_PKEY_encapsulate(sender.get(), enc.data(), &short_size, secret.data(), &secret_size), 1);
    ERR_clear_error();
}

TEST_P(Provider, GeneratesKeys) {
    const evp_pkey_ptr made(EVP_PKEY_Q_keygen(lib_context(), nullptr, name()));
    ASSERT_TRUE(made) << openssl_errors();
    const pkcs8_ptr info(EVP_PKEY2PKCS8(made.get()));
    ASSERT_TRUE(info);
    EXPECT_TRUE(kem_private_key::from_pkcs8(to_der(info.get(), i2d_PKCS8_PRIV_KEY_INFO)));
}

TEST_P(Provider, ImportsAndExportsRawOctets) {
    const evp_pkey_ptr priv = private_evp();
    OSSL_PARAM* params = nullptr;
    ASSERT_EQ(EVP_PKEY_todata(priv.get(), EVP_PKEY_KEYPAIR, &params), 1);
    const evp_pkey_ctx_ptr context(EVP_PKEY_CTX_new_from_name(lib_context(), name(), nullptr));
    ASSERT_EQ(EVP_PKEY_fromdata_init(context.get()), 1);
    EVP_PKEY* raw = nullptr;
    EXPECT_EQ(EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_KEYPAIR, params), 1) << openssl_errors();
    const evp_pkey_ptr again(raw);
    OSSL_PARAM_free(params);
    EXPECT_EQ(EVP_PKEY_eq(again.get(), priv.get()), 1);
    const evp_pkey_ptr copy(EVP_PKEY_dup(priv.get()));
    ASSERT_TRUE(copy);
    EXPECT_EQ(EVP_PKEY_eq(copy.get(), priv.get()), 1);
}

TEST_P(Provider, PemBothWays) {
    const evp_pkey_ptr priv = private_evp();
    const bio_ptr out(BIO_new(BIO_s_mem()));
    ASSERT_EQ(PEM_write_bio_PrivateKey_ex(out.get(), priv.get(), nullptr, nullptr, 0, nullptr, nullptr, lib_context(), nullptr),
              1)
        << openssl_errors();
    const evp_pkey_ptr again(PEM_read_bio_PrivateKey_ex(out.get(), nullptr, nullptr, nullptr, lib_context(), nullptr));
    ASSERT_TRUE(again) << openssl_errors();
    EXPECT_EQ(EVP_PKEY_eq(again.get(), priv.get()), 1);

    const bio_ptr pub(BIO_new(BIO_s_mem()));
    ASSERT_EQ(PEM_write_bio_PUBKEY_ex(pub.get(), priv.get(), lib_context(), nullptr), 1) << openssl_errors();
    EXPECT_EQ(content(pub.get()).rfind("-----BEGIN PUBLIC KEY-----", 0), 0U);
    const bio_ptr text(BIO_new(BIO_s_mem()));
    EXPECT_EQ(EVP_PKEY_print_public(text.get(), priv.get(), 0, nullptr), 1);
    EXPECT_NE(content(text.get()).find(name_of(GetParam())), std::string::npos);
}

// An encoder that ignored the cipher would write the key in clear and report success.
TEST_P(Provider, NeverWritesAPrivateKeyInClearWhenACipherWasAskedFor) {
    const evp_pkey_ptr priv = private_evp();
    const openssl_ptr<EVP_CIPHER, EVP_CIPHER_free> cipher(EVP_CIPHER_fetch(lib_context(), "AES-256-CBC", nullptr));
    const unsigned char passphrase[] = "secret";
    const bio_ptr out(BIO_new(BIO_s_mem()));
    EXPECT_NE(
        PEM_write_bio_PrivateKey_ex(out.get(), priv.get(), cipher.get(), passphrase, 6, nullptr, nullptr, lib_context(), nullptr),
        1);
    EXPECT_EQ(content(out.get()).find("BEGIN PRIVATE KEY"), std::string::npos) << content(out.get());
    EXPECT_EQ(content(out.get()), "");
    for (const char* format : {"DER", "PEM"}) {
        const bio_ptr sink(BIO_new(BIO_s_mem()));
        OSSL_ENCODER_CTX* context =
            OSSL_ENCODER_CTX_new_for_pkey(priv.get(), EVP_PKEY_KEYPAIR, format, "PrivateKeyInfo", nullptr);
        const bool refused =
            OSSL_ENCODER_CTX_set_cipher(context, "AES-256-CBC", nullptr) != 1 || OSSL_ENCODER_to_bio(context, sink.get()) != 1;
        EXPECT_TRUE(refused) << format;
        EXPECT_EQ(content(sink.get()), "");
        OSSL_ENCODER_CTX_free(context);
    }
    ERR_clear_error();
}

TEST_P(Provider, MalformedKeysHaveNoKey) {
    bytes spki = to_bytes(key_.public_key().spki());
    spki.back() ^= 1;  // off the curve
    const unsigned char* at = spki.data();
    EXPECT_EQ(d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(spki.size()), lib_context(), nullptr), nullptr);
    bytes pkcs8 = to_bytes(key_.to_pkcs8()->reveal());
    pkcs8.back() ^= 1;  // another curve
    at = pkcs8.data();
    EXPECT_EQ(d2i_AutoPrivateKey_ex(nullptr, &at, static_cast<long>(pkcs8.size()), lib_context(), nullptr), nullptr);
    ERR_clear_error();
}

TEST_P(Provider, ManyThreadsDecodeAndDecapsulate) {
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    const auto made = key_.public_key().encapsulate(random_);
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 10; ++n) {
                const evp_pkey_ptr priv = private_evp();
                const evp_pkey_ctx_ptr context(EVP_PKEY_CTX_new_from_pkey(lib_context(), priv.get(), nullptr));
                std::array<uint8_t, 32> secret{};
                size_t size = secret.size();
                good +=
                    EVP_PKEY_decapsulate_init(context.get(), nullptr) == 1 &&
                            EVP_PKEY_decapsulate(context.get(), secret.data(), &size, made.enc.data(), made.enc.size()) == 1 &&
                            same_octets(secret, made.shared_secret.reveal())
                        ? 1
                        : 0;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(good.load(), 40);
}

INSTANTIATE_TEST_SUITE_P(Hybrids, Provider, testing::Values(kem_algorithm::mlkem768_p256, kem_algorithm::mlkem1024_p384),
                         [](const auto& p) { return std::string(name_of(p.param)); });

}  // namespace

}  // namespace berth::crypto
