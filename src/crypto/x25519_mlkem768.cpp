#include "crypto/x25519_mlkem768.h"

#include "crypto/ml_kem_openssl.h"
#include "crypto/x25519_openssl.h"

namespace berth::crypto {

namespace {

constexpr const char* ml_kem_name = "ML-KEM-768";
constexpr size_t ek_size = 1184;
constexpr size_t ct_size = 1088;

error bad_key_share(std::string_view why) {
    return {error_category::peer, "bad_key_share", "The peer's X25519MLKEM768 key share is not valid: " + std::string(why) + "."};
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
