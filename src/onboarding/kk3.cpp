#include "onboarding/kk3.h"

#include "crypto/aead.h"
#include "onboarding/errors.h"

namespace berth::onboarding {

namespace {

constexpr size_t key_octets = 32;
constexpr size_t nonce_octets = crypto::aead_nonce_size;

std::span<const uint8_t, nonce_octets> as_nonce(const secret_bytes& nonce) {
    return nonce.reveal().first<nonce_octets>();
}

bytes seal(const secret_bytes& key, const secret_bytes& nonce, bytes_view plain) {
    crypto::aead_key aead(crypto::aead_algorithm::aes256gcm, key.reveal(), crypto::aead_key::use::seal);
    return aead.seal(as_nonce(nonce), {}, plain);
}

result<bytes> open(const secret_bytes& key, const secret_bytes& nonce, bytes_view sealed) {
    crypto::aead_key aead(crypto::aead_algorithm::aes256gcm, key.reveal(), crypto::aead_key::use::open);
    return aead.open(as_nonce(nonce), {}, sealed);
}

}  // namespace

kk3_keys kk3_keys::derive(const exporter_function& kk3) {
    kk3_keys keys;
    const secret_bytes id = kk3(label_kk3_id, keys.id_.size());
    keys.id_ = to_array<16>(id.reveal());
    keys.authorization_key_ = kk3(label_authorization, key_octets);
    keys.authorization_nonce_ = kk3(label_authorization_nonce, nonce_octets);
    keys.voucher_key_ = kk3(label_voucher, key_octets);
    keys.voucher_nonce_ = kk3(label_voucher_nonce, nonce_octets);
    return keys;
}

result<bytes> kk3_keys::seal_authorization(const authorization_info& bi1) const {
    BERTH_TRY(plain, wire::encode(bi1));
    return seal(authorization_key_, authorization_nonce_, plain);
}

result<std::pair<bytes, authorization_info>> kk3_keys::open_authorization(bytes_view bi2) const {
    auto plain = open(authorization_key_, authorization_nonce_, bi2);
    if (!plain) {
        return refuse("authorization_mismatch", "BI2 does not open with K3");
    }
    BERTH_TRY(bi1, wire::decode<authorization_info>(*plain));
    return std::pair(std::move(*plain), std::move(bi1));
}

result<bytes> kk3_keys::seal_voucher(const voucher& v) const {
    BERTH_TRY(plain, wire::encode(v));
    return seal(voucher_key_, voucher_nonce_, plain);
}

result<voucher> kk3_keys::open_voucher(bytes_view sealed) const {
    auto plain = open(voucher_key_, voucher_nonce_, sealed);
    if (!plain) {
        return refuse("voucher_invalid", "the voucher does not open with K3");
    }
    auto v = wire::decode<voucher>(*plain);
    if (!v) {
        return refuse("voucher_invalid", "the voucher does not decode");
    }
    return v;
}

secret_bytes kk3_keys::pack() const {
    secret_bytes out;
    for (const auto* part : {&authorization_key_, &authorization_nonce_, &voucher_key_, &voucher_nonce_}) {
        out.append(part->reveal());
    }
    return out;
}

result<kk3_keys> kk3_keys::unpack(const kk3_id_field& id, bytes_view packed) {
    if (packed.size() != 2 * (key_octets + nonce_octets)) {
        return fail(error_category::internal, "corrupt_store", "the stored keys of a KK3 have a wrong length");
    }
    kk3_keys keys;
    keys.id_ = id;
    keys.authorization_key_ = secret_bytes(packed.subspan(0, key_octets));
    keys.authorization_nonce_ = secret_bytes(packed.subspan(32, nonce_octets));
    keys.voucher_key_ = secret_bytes(packed.subspan(44, key_octets));
    keys.voucher_nonce_ = secret_bytes(packed.subspan(76, nonce_octets));
    return keys;
}

}  // namespace berth::onboarding
