#include "keystore/stsafe/model/aead_stream.h"

#include "base/wipe.h"
#include "crypto/constant_time.h"
#include "crypto/crypto_openssl.h"

#include <array>

#include <openssl/err.h>

namespace berth::keystore::stsafe::model {

namespace {

using crypto::must;
using cipher_ptr = crypto::openssl_ptr<EVP_CIPHER, EVP_CIPHER_free>;

constexpr size_t block_size = 16;
constexpr size_t most_nonce = 128;  // libcrypto's
constexpr size_t longest_short_length = 0xfeff;
using block = std::array<uint8_t, block_size>;

}  // namespace

struct aead_stream::state {
    state(use u, size_t tag) : what(u), tag_size(tag), context(must(EVP_CIPHER_CTX_new(), "making a cipher context")) {}
    virtual ~state() = default;
    state(const state&) = delete;
    state& operator=(const state&) = delete;

    void key_with(const char* of_16, const char* of_32, bytes_view key) {
        const cipher_ptr cipher(must(
            EVP_CIPHER_fetch(crypto::lib_context(), key.size() == 16 ? of_16 : of_32, crypto::default_only), "fetching AES"));
        const int sealing = what == use::seal ? 1 : 0;
        must(EVP_CipherInit_ex2(context.get(), cipher.get(), nullptr, nullptr, sealing, nullptr), "beginning a cipher");
    }

    virtual bool absorb(bytes_view associated) = 0;
    virtual bool cipher(bytes_view in, std::span<uint8_t> out) = 0;
    virtual std::optional<bytes> tag() = 0;
    virtual std::optional<bool> matches(bytes_view tag) = 0;

    use what;
    size_t tag_size;
    crypto::evp_cipher_ctx_ptr context;
    bool in_message = false;
};

namespace {

struct gcm_state final : aead_stream::state {
    gcm_state(aead_stream::use u, bytes_view key, bytes_view nonce, size_t tag) : state(u, tag) {
        key_with("AES-128-GCM", "AES-256-GCM", key);
        must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(nonce.size()), nullptr),
             "setting a nonce's length");
        must(EVP_CipherInit_ex2(context.get(), nullptr, key.data(), nonce.data(), -1, nullptr), "keying GCM");
    }
    bool absorb(bytes_view associated) override {
        int done = 0;
        return EVP_CipherUpdate(context.get(), nullptr, &done, associated.data(), static_cast<int>(associated.size())) == 1;
    }
    bool cipher(bytes_view in, std::span<uint8_t> out) override {
        int done = 0;
        return EVP_CipherUpdate(context.get(), out.data(), &done, in.data(), static_cast<int>(in.size())) == 1;
    }
    std::optional<bytes> tag() override {
        block last{};
        int done = 0;
        bytes out(tag_size);
        must(EVP_CipherFinal_ex(context.get(), last.data(), &done), "finishing GCM");
        must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(out.size()), out.data()),
             "getting a tag");
        return out;
    }
    std::optional<bool> matches(bytes_view tag) override {
        if (tag.size() != tag_size) {
            return std::nullopt;
        }
        block last{};
        int done = 0;
        bytes expected = to_bytes(tag);
        must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(expected.size()), expected.data()),
             "setting a tag");
        const bool right = EVP_CipherFinal_ex(context.get(), last.data(), &done) == 1;
        ERR_clear_error();
        return right;
    }
};

// CBC-MAC and counter mode over single blocks: libcrypto's CCM takes a message whole.
struct ccm_state final : aead_stream::state {
    ccm_state(aead_stream::use u, bytes_view key, bytes_view nonce, const aead_stream::lengths& all)
        : state(u, all.tag), left(all) {
        what = aead_stream::use::seal;  // of the block cipher, both ways
        key_with("AES-128-ECB", "AES-256-ECB", key);
        what = u;
        must(EVP_CipherInit_ex2(context.get(), nullptr, key.data(), nullptr, 1, nullptr), "expanding an AES key");
        must(EVP_CIPHER_CTX_set_padding(context.get(), 0), "setting no padding");
        const size_t length_octets = block_size - 1 - nonce.size();
        counter[0] = static_cast<uint8_t>(length_octets - 1);
        std::copy(nonce.begin(), nonce.end(), counter.begin() + 1);
        block first = counter;
        first[0] =
            static_cast<uint8_t>(first[0] | (all.associated > 0 ? 0x40U : 0U) | (all.tag > 0 ? (all.tag - 2) / 2 << 3U : 0U));
        for (size_t i = 0; i < length_octets; ++i) {
            first[block_size - 1 - i] = i < sizeof(size_t) ? static_cast<uint8_t>(all.message >> (8 * i)) : uint8_t{0};
        }
        mac_in(first);
        if (all.associated > longest_short_length) {
            mac_in(bytes{0xff, 0xfe, 0, 0});
        }
        if (all.associated > 0) {
            mac_in(bytes{static_cast<uint8_t>(all.associated >> 8), static_cast<uint8_t>(all.associated)});
        }
        mask = encrypted(counter);
    }
    ~ccm_state() override {
        wipe(mask);
        wipe(stream);
        wipe(mac);
    }

    bool absorb(bytes_view associated) override {
        if (associated.size() > left.associated) {
            return false;
        }
        left.associated -= associated.size();
        mac_in(associated);
        return true;
    }
    bool cipher(bytes_view in, std::span<uint8_t> out) override {
        if (left.associated > 0 || in.size() > left.message) {
            return false;
        }
        if (!padded) {
            pad();
            padded = true;
        }
        left.message -= in.size();
        const bool sealing = what == aead_stream::use::seal;
        if (sealing) {
            mac_in(in);
        }
        for (size_t i = 0; i < in.size(); ++i, ++at) {
            if (at % block_size == 0) {
                count();
                stream = encrypted(counter);
            }
            out[i] = in[i] ^ stream[at % block_size];
        }
        if (!sealing) {
            mac_in(out.first(in.size()));
        }
        return true;
    }
    std::optional<bytes> tag() override {
        if (left.associated > 0 || left.message > 0) {
            return std::nullopt;
        }
        pad();
        bytes out(tag_size);
        for (size_t i = 0; i < out.size(); ++i) {
            out[i] = mac[i] ^ mask[i];
        }
        return out;
    }
    std::optional<bool> matches(bytes_view given) override {
        const auto right = tag();
        return right && right->size() == given.size() ? std::optional(crypto::equal(*right, given)) : std::nullopt;
    }

private:
    block encrypted(const block& in) {
        block out{};
        int done = 0;
        must(EVP_CipherUpdate(context.get(), out.data(), &done, in.data(), static_cast<int>(in.size())), "encrypting a block");
        return out;
    }
    void mac_in(bytes_view octets) {
        for (const uint8_t octet : octets) {
            mac[filled++] ^= octet;
            if (filled == block_size) {
                pad();
            }
        }
    }
    void pad() {
        if (filled > 0) {
            mac = encrypted(mac);
            filled = 0;
        }
    }
    void count() {
        for (size_t i = block_size - 1; i > 0 && ++counter[i] == 0; --i) {
        }
    }

    aead_stream::lengths left;
    block counter{};
    block mask{};
    block stream{};
    block mac{};
    size_t filled = 0;  // of the block that goes into the MAC next
    size_t at = 0;      // octets of the message
    bool padded = false;
};

}  // namespace

aead_stream::aead_stream(std::unique_ptr<state> s) : state_(std::move(s)) {}
aead_stream::aead_stream(aead_stream&&) noexcept = default;
aead_stream& aead_stream::operator=(aead_stream&&) noexcept = default;
aead_stream::~aead_stream() = default;

std::optional<aead_stream> aead_stream::gcm(use what, bytes_view key, bytes_view nonce, size_t tag_size) {
    if (nonce.empty() || nonce.size() > most_nonce || tag_size == 0 || tag_size > block_size) {
        return std::nullopt;
    }
    return aead_stream(std::make_unique<gcm_state>(what, key, nonce, tag_size));
}

std::optional<aead_stream> aead_stream::ccm(use what, bytes_view key, bytes_view nonce, const lengths& all) {
    const bool nonce_fits = nonce.size() >= 7 && nonce.size() <= 13;
    const bool tag_fits = all.tag == 0 || (all.tag >= 4 && all.tag <= block_size && all.tag % 2 == 0);
    if (!nonce_fits || !tag_fits || all.associated > 0xffff ||
        (nonce.size() > 10 && all.message >> (8 * (15 - nonce.size())) != 0)) {
        return std::nullopt;
    }
    return aead_stream(std::make_unique<ccm_state>(what, key, nonce, all));
}

std::optional<secret_bytes> aead_stream::take(bytes_view associated, bytes_view message) {
    secret_bytes out(message.size());
    if (!associated.empty() && (state_->in_message || !state_->absorb(associated))) {
        return std::nullopt;
    }
    if (!message.empty()) {
        state_->in_message = true;
        if (!state_->cipher(message, out.writable())) {
            return std::nullopt;
        }
    }
    return out;
}

std::optional<bytes> aead_stream::tag() {
    return state_->tag();
}

std::optional<bool> aead_stream::matches(bytes_view tag) {
    return state_->matches(tag);
}

aead_stream::use aead_stream::what() const {
    return state_->what;
}

}  // namespace berth::keystore::stsafe::model
