#include "crypto/ed25519.h"

#include "crypto/crypto_openssl.h"

#include <openssl/err.h>

namespace berth::crypto {

namespace {

constexpr const char* name = "Ed25519";

evp_md_ctx_ptr new_context() {
    return evp_md_ctx_ptr(must(EVP_MD_CTX_new(), "making a signature context"));
}

}  // namespace

struct ed25519_public_key::impl {
    bytes raw;
    evp_pkey_ptr key;
};

struct ed25519_private_key::impl {
    ed25519_public_key pub;
    evp_pkey_ptr key;
};

result<ed25519_public_key> ed25519_public_key::from_raw(bytes_view raw) {
    if (raw.size() != ed25519_key_size) {
        return fail(error_category::peer, "bad_public_key", "An Ed25519 public key has 32 octets.");
    }
    evp_pkey_ptr key(must(EVP_PKEY_new_raw_public_key_ex(lib_context(), name, default_only, raw.data(), raw.size()),
                          "taking an Ed25519 public key"));
    return ed25519_public_key(std::make_shared<impl>(impl{to_bytes(raw), std::move(key)}));
}

bytes_view ed25519_public_key::raw() const noexcept {
    return impl_->raw;
}

result<void> ed25519_public_key::verify(bytes_view message, bytes_view signature) const {
    const auto context = new_context();
    must(EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, lib_context(), default_only, impl_->key.get(), nullptr),
         "starting a verification");
    const bool good = signature.size() == ed25519_signature_size &&
                      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
    if (!good) {
        ERR_clear_error();
        return fail(error_category::peer, "bad_signature", "The Ed25519 signature does not match.");
    }
    return {};
}

result<ed25519_private_key> ed25519_private_key::from_seed(bytes_view seed) {
    if (seed.size() != ed25519_key_size) {
        return fail(error_category::usage, "bad_private_key", "An Ed25519 private key has 32 octets.");
    }
    evp_pkey_ptr key(must(EVP_PKEY_new_raw_private_key_ex(lib_context(), name, default_only, seed.data(), seed.size()),
                          "making an Ed25519 key"));
    std::array<uint8_t, ed25519_key_size> raw{};
    size_t size = raw.size();
    must(EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size), "reading an Ed25519 public key");
    BERTH_TRY(pub, ed25519_public_key::from_raw(raw));
    return ed25519_private_key(std::make_shared<impl>(impl{std::move(pub), std::move(key)}));
}

ed25519_private_key ed25519_private_key::generate(random_source& random) {
    secret_bytes seed(ed25519_key_size);
    random.fill(seed.writable());
    return from_seed(seed.reveal()).value();
}

secret_bytes ed25519_private_key::seed() const {
    secret_bytes out(ed25519_key_size);
    size_t size = out.size();
    must(EVP_PKEY_get_raw_private_key(impl_->key.get(), out.writable().data(), &size), "reading an Ed25519 key");
    return out;
}

const ed25519_public_key& ed25519_private_key::public_key() const noexcept {
    return impl_->pub;
}

bytes ed25519_private_key::sign(bytes_view message) const {
    const auto context = new_context();
    bytes out(ed25519_signature_size);
    size_t size = out.size();
    must(EVP_DigestSignInit_ex(context.get(), nullptr, nullptr, lib_context(), default_only, impl_->key.get(), nullptr),
         "starting a signature");
    must(EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()), "signing");
    return out;
}

}  // namespace berth::crypto
