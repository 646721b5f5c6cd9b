#include "crypto/x25519_openssl.h"

#include "crypto/constant_time.h"

#include <openssl/err.h>

namespace berth::crypto {

evp_pkey_ptr x25519_private(bytes_view scalar) {
    return evp_pkey_ptr(must(EVP_PKEY_new_raw_private_key_ex(lib_context(), "X25519", default_only, scalar.data(), scalar.size()),
                             "making an X25519 key"));
}

void write_x25519_public(const EVP_PKEY* key, std::span<uint8_t> out) {
    size_t size = out.size();
    must(EVP_PKEY_get_raw_public_key(key, out.data(), &size), "reading an X25519 public key");
}

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

}  // namespace berth::crypto
