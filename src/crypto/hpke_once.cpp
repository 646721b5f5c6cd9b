#include "crypto/hpke_once.h"

#include "crypto/aead.h"
#include "crypto/shake.h"

namespace berth::crypto {

namespace {

constexpr size_t exporter_size = 64;

std::array<uint8_t, 2> two_octets(size_t n) {
    return {static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n & 0xff)};
}

struct keyed {
    aead_key key;
    std::array<uint8_t, aead_nonce_size> nonce;
};

keyed set_up(uint16_t kem_id, bytes_view shared_secret, bytes_view info, aead_key::use use) {
    constexpr auto aead = aead_algorithm::aes256gcm;
    const secret_bytes all = hpke_one_stage(kem_id, static_cast<uint16_t>(aead), aead_key_size(aead), shared_secret, info);
    return {aead_key(aead, all.reveal().first(aead_key_size(aead)), use),
            to_array<aead_nonce_size>(all.reveal().subspan(aead_key_size(aead)))};
}

}  // namespace

secret_bytes hpke_one_stage(uint16_t kem_id, uint16_t aead_id, size_t key_size, bytes_view shared_secret, bytes_view info) {
    // CombineSecrets_OneStage: secrets = lengthPrefixed(psk) || lengthPrefixed(shared_secret);
    // context = mode || lengthPrefixed(psk_id) || lengthPrefixed(info); of mode_base psk and psk_id are empty.
    // LabeledDerive(ikm, label, context, L) = Derive(ikm || "HPKE-v1" || suite_id || lengthPrefixed(label) || I2OSP(L, 2) ||
    // context, L).
    const size_t length = key_size + aead_nonce_size + exporter_size;
    static constexpr std::array<uint8_t, 2> none{0, 0};
    static constexpr std::array<uint8_t, 3> base_mode_without_psk_id{0, 0, 0};
    constexpr std::string_view label = "secret";
    const auto kem = two_octets(kem_id), kdf = two_octets(hpke_kdf_shake256), aead = two_octets(aead_id);
    return shake256({none, two_octets(shared_secret.size()), shared_secret, as_bytes("HPKE-v1"), as_bytes("HPKE"), kem, kdf, aead,
                     two_octets(label.size()), as_bytes(label), two_octets(length), base_mode_without_psk_id,
                     two_octets(info.size()), info},
                    length);
}

bytes hpke_seal_once(uint16_t kem_id, bytes_view shared_secret, bytes_view info, bytes_view aad, bytes_view plaintext) {
    auto with = set_up(kem_id, shared_secret, info, aead_key::use::seal);
    return with.key.seal(with.nonce, aad, plaintext);
}

result<bytes> hpke_open_once(uint16_t kem_id, bytes_view shared_secret, bytes_view info, bytes_view aad, bytes_view sealed) {
    auto with = set_up(kem_id, shared_secret, info, aead_key::use::open);
    return with.key.open(with.nonce, aad, sealed);
}

}  // namespace berth::crypto
