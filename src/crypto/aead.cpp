#include "crypto/aead.h"

#include "crypto/crypto_openssl.h"

#include <limits>

namespace berth::crypto {

namespace {

const EVP_CIPHER* evp_cipher(aead_algorithm alg) {
    static const auto fetch = [](const char* name) {
        return must(EVP_CIPHER_fetch(lib_context(), name, default_only), "fetching a cipher");
    };
    static EVP_CIPHER* const aes128 = fetch("AES-128-GCM");
    static EVP_CIPHER* const aes256 = fetch("AES-256-GCM");
    static EVP_CIPHER* const chacha20 = fetch("ChaCha20-Poly1305");
    switch (alg) {
    case aead_algorithm::aes128gcm: return aes128;
    case aead_algorithm::aes256gcm: return aes256;
    case aead_algorithm::chacha20poly1305: return chacha20;
    }
    die("choosing an AEAD that does not exist");
}

// libcrypto counts in int; no message of ours comes near.
int length(size_t size) {
    if (size > static_cast<size_t>(std::numeric_limits<int>::max())) {
        die("sealing or opening more than 2 GiB at once");
    }
    return static_cast<int>(size);
}

}  // namespace

struct aead_key::state {
    evp_cipher_ctx_ptr context{must(EVP_CIPHER_CTX_new(), "making a cipher context")};
};

aead_key::aead_key(aead_algorithm alg, bytes_view key, use direction)
    : alg_(alg), use_(direction), state_(std::make_unique<state>()) {
    if (key.size() != aead_key_size(alg)) {
        die("taking an AEAD key of the wrong length");
    }
    must(EVP_CipherInit_ex2(state_->context.get(), evp_cipher(alg), key.data(), nullptr, direction == use::seal ? 1 : 0, nullptr),
         "expanding an AEAD key");
}

aead_key::aead_key(aead_key&&) noexcept = default;
aead_key& aead_key::operator=(aead_key&&) noexcept = default;
aead_key::~aead_key() = default;

void aead_key::seal(std::span<const uint8_t, aead_nonce_size> nonce, bytes_view aad, bytes_view plaintext,
                    std::span<uint8_t> out) {
    seal(nonce, aad, plaintext, {}, out);
}

void aead_key::seal(std::span<const uint8_t, aead_nonce_size> nonce, bytes_view aad, bytes_view plaintext,
                    bytes_view plaintext_tail, std::span<uint8_t> out) {
    if (use_ != use::seal || out.size() != plaintext.size() + plaintext_tail.size() + aead_tag_size) {
        die("sealing with a key for opening, or into a buffer of the wrong size");
    }
    EVP_CIPHER_CTX* const context = state_->context.get();
    int done = 0;
    must(EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr), "setting a nonce");
    if (!aad.empty()) {
        must(EVP_EncryptUpdate(context, nullptr, &done, aad.data(), length(aad.size())), "authenticating");
    }
    uint8_t* at = out.data();
    for (const bytes_view part : {plaintext, plaintext_tail}) {
        if (!part.empty()) {
            must(EVP_EncryptUpdate(context, at, &done, part.data(), length(part.size())), "encrypting");
            at += done;
        }
    }
    must(EVP_EncryptFinal_ex(context, at, &done), "finishing an encryption");
    must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(aead_tag_size), at), "taking a tag");
}

bytes aead_key::seal(std::span<const uint8_t, aead_nonce_size> nonce, bytes_view aad, bytes_view plaintext) {
    bytes out(plaintext.size() + aead_tag_size);
    seal(nonce, aad, plaintext, out);
    return out;
}

result<void> aead_key::open(std::span<const uint8_t, aead_nonce_size> nonce, bytes_view aad, bytes_view sealed,
                            std::span<uint8_t> out) {
    const auto refuse = [&] {
        std::fill(out.begin(), out.end(), uint8_t{0});
        return fail(error_category::peer, "decryption_failed",
                    "Encrypted data does not open: it was changed on the way, or made with another key.");
    };
    if (use_ != use::open) {
        die("opening with a key for sealing");
    }
    if (sealed.size() < aead_tag_size) {
        return refuse();
    }
    const bytes_view ciphertext = sealed.first(sealed.size() - aead_tag_size);
    if (out.size() != ciphertext.size()) {
        die("opening into a buffer of the wrong size");
    }
    EVP_CIPHER_CTX* const context = state_->context.get();
    std::array<uint8_t, aead_tag_size> tag = to_array<aead_tag_size>(sealed.last(aead_tag_size));
    int done = 0;
    must(EVP_DecryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr), "setting a nonce");
    must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), tag.data()), "setting a tag");
    if (!aad.empty()) {
        must(EVP_DecryptUpdate(context, nullptr, &done, aad.data(), length(aad.size())), "authenticating");
    }
    done = 0;
    if (!ciphertext.empty() && EVP_DecryptUpdate(context, out.data(), &done, ciphertext.data(), length(ciphertext.size())) != 1) {
        return refuse();
    }
    // With no octets to write, libcrypto still wants somewhere to point.
    uint8_t nowhere = 0;
    if (EVP_DecryptFinal_ex(context, out.empty() ? &nowhere : out.data() + done, &done) != 1) {
        return refuse();
    }
    return {};
}

result<bytes> aead_key::open(std::span<const uint8_t, aead_nonce_size> nonce, bytes_view aad, bytes_view sealed) {
    bytes out(sealed.size() < aead_tag_size ? 0 : sealed.size() - aead_tag_size);
    BERTH_CHECK(open(nonce, aad, sealed, out));
    return out;
}

}  // namespace berth::crypto
