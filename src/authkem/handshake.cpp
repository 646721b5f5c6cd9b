#include "authkem/handshake.h"

#include "crypto/hpke.h"

namespace berth::authkem {

namespace {

constexpr std::string_view info = "tls13 auth-kem";

bytes_view context_of(authenticated_side side) {
    return as_bytes(side == authenticated_side::server ? "server authentication" : "client authentication");
}

}  // namespace

encapsulated encapsulate_to(const crypto::kem_public_key& key, authenticated_side side, crypto::hash_algorithm hash,
                            random_source& random) {
    auto made = crypto::hpke_send_export(key, as_bytes(info), context_of(side), crypto::hash_size(hash), random);
    return {std::move(made.enc), std::move(made.secret)};
}

result<secret_bytes> decapsulate_with(const keystore::kem_key& key, bytes_view encapsulation, authenticated_side side,
                                      crypto::hash_algorithm hash) {
    auto shared = key.decapsulate(encapsulation);
    if (!shared) {
        // Profile 3: "An encapsulation of the wrong length, or whose ephemeral point is not an uncompressed
        // point of the curve, is `illegal_parameter`".
        const bool peers = shared.error().is("bad_encapsulation");
        return refuse(peers ? alert::illegal_parameter : alert::internal_error, std::move(shared).error());
    }
    return crypto::hpke_receive_export(key.algorithm(), shared->reveal(), as_bytes(info), context_of(side),
                                       crypto::hash_size(hash));
}

}  // namespace berth::authkem
