#include "crypto/x25519_mlkem768.h"

#include "crypto/constant_time.h"
#include "crypto/ml_kem_openssl.h"

#include <openssl/err.h>

namespace berth::crypto {

namespace {

constexpr const char* ml_kem_name = "ML-KEM-768";
constexpr size_t ek_size = 1184;
constexpr size_t ct_size = 1088;
constexpr size_t x25519_size = 32;

error bad_key_share(std::string_view why) {
    return {error_category::peer, "bad_key_share", "The peer's X25519MLKEM768 key share is not valid: " + std::string(why) + "."};
}

evp_pkey_ptr x25519_private(bytes_view scalar) {
    return evp_pkey_ptr(must(EVP_PKEY_new_raw_private_key_ex(lib_context(), "X25519", default_only, scalar.data(), scalar.size()),
                             "making an X25519 key"));
}

void write_x25519_public(const EVP_PKEY* key, std::span<uint8_t> out) {
    size_t size = out.size();
    must(EVP_PKEY_get_raw_public_key(key, out.data(), &size), "reading an X25519 public key");
}

// False for a peer point of small order, which makes the output all zeros.
bool x25519(EVP_PKEY* own, bytes_view peer, std::span<uint8_t> out) {
    const evp_pkey_ptr other(must(EVP_PKEY_new_raw_public_key_ex(lib_context(), "X25519", default_only, peer.data(), peer.size()),
                                  "taking an X25519 public key"));
    const evp_pkey_ctx_ptr context(must(EVP_PKEY_CTX_new_from_pkey(lib_context(), own, default_only), "making a key context"));
    must(EVP_PKEY_derive_init(context.get()), "starting X25519");
    must(EVP_PKEY_derive_set_peer_ex(context.get(), other.get(), 0), "giving X25519 its peer");
    size_t size = out.size();
    const bool ok = EVP_PKEY_derive(context.get(), out.data(), &size) == 1 && size == x25519_size;
    static constexpr std::array<uint8_t, x25519_size> zeros{};
    if (!ok || equal(out, zeros)) {
        ERR_clear_error();
        return false;
    }
    return true;
}

}  // namespace

struct x25519mlkem768_client::impl {
    evp_pkey_ptr ml_kem;
    evp_pkey_ptr x25519;
    bytes share;
};

x25519mlkem768_client::x25519mlkem768_client(std::unique_ptr<impl> i) noexcept : impl_(std::move(i)) {}
x25519mlkem768_client::x25519mlkem768_client(x25519mlkem768_client&&) noexcept = default;
x25519mlkem768_client& x25519mlkem768_client::operator=(x25519mlkem768_client&&) noexcept = default;
x25519mlkem768_client::~x25519mlkem768_client() = default;

x25519mlkem768_client x25519mlkem768_client::generate(random_source& random) {
    secret_bytes seed(ml_kem_seed_size);
    random.fill(seed.writable());
    secret_bytes scalar(x25519_size);
    random.fill(scalar.writable());
    auto made = std::make_unique<impl>();
    made->ml_kem = ml_kem_from_seed(ml_kem_name, seed.reveal());
    made->x25519 = x25519_private(scalar.reveal());
    made->share = ml_kem_public(made->ml_kem.get());
    made->share.resize(x25519mlkem768_client_share_size);
    write_x25519_public(made->x25519.get(), std::span(made->share).subspan(ek_size));
    return x25519mlkem768_client(std::move(made));
}

bytes_view x25519mlkem768_client::share() const noexcept {
    return impl_->share;
}

result<secret_bytes> x25519mlkem768_client::finish(bytes_view server_share) const {
    if (server_share.size() != x25519mlkem768_server_share_size) {
        return fail(bad_key_share("it has the wrong length"));
    }
    secret_bytes secret(x25519mlkem768_secret_size);
    ml_kem_decapsulate(impl_->ml_kem.get(), server_share.first(ct_size), secret.writable().first(ml_kem_secret_size));
    // RFC 8446 7.4.2: "implementations SHOULD check whether the computed Diffie-Hellman shared secret is the
    // all-zero value and abort if so"
    if (!x25519(impl_->x25519.get(), server_share.subspan(ct_size), secret.writable().subspan(ml_kem_secret_size))) {
        return fail(bad_key_share("its X25519 output is all zeros"));
    }
    return secret;
}

result<x25519mlkem768_response> x25519mlkem768_respond(bytes_view client_share, random_source& random) {
    if (client_share.size() != x25519mlkem768_client_share_size) {
        return fail(bad_key_share("it has the wrong length"));
    }
    const evp_pkey_ptr ml_kem = ml_kem_from_public(ml_kem_name, client_share.first(ek_size));
    if (!ml_kem) {
        return fail(bad_key_share("its ML-KEM part fails the modulus check of FIPS 203"));
    }
    secret_bytes m(ml_kem_message_size);
    random.fill(m.writable());
    secret_bytes scalar(x25519_size);
    random.fill(scalar.writable());
    const evp_pkey_ptr own = x25519_private(scalar.reveal());
    x25519mlkem768_response out{bytes(x25519mlkem768_server_share_size), secret_bytes(x25519mlkem768_secret_size)};
    if (!x25519(own.get(), client_share.subspan(ek_size), out.secret.writable().subspan(ml_kem_secret_size))) {
        return fail(bad_key_share("its X25519 output is all zeros"));
    }
    ml_kem_encapsulate(ml_kem.get(), m.reveal(), std::span(out.share).first(ct_size),
                       out.secret.writable().first(ml_kem_secret_size));
    write_x25519_public(own.get(), std::span(out.share).subspan(ct_size));
    return out;
}

}  // namespace berth::crypto
