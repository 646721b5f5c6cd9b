#include "jose/content.h"

#include "base/wipe.h"
#include "crypto/aead.h"
#include "crypto/cbc_hmac.h"
#include "crypto/hash.h"

namespace berth::jose {

namespace {

crypto::aead_algorithm gcm(content_alg enc) {
    return enc == content_alg::a128gcm ? crypto::aead_algorithm::aes128gcm : crypto::aead_algorithm::aes256gcm;
}

crypto::cbc_hmac_algorithm cbc(content_alg enc) {
    return enc == content_alg::a128cbc_hs256 ? crypto::cbc_hmac_algorithm::aes128_sha256
                                             : crypto::cbc_hmac_algorithm::aes256_sha512;
}

std::array<uint8_t, 4> four_octets(size_t n) {
    return {static_cast<uint8_t>(n >> 24), static_cast<uint8_t>(n >> 16 & 0xff), static_cast<uint8_t>(n >> 8 & 0xff),
            static_cast<uint8_t>(n & 0xff)};
}

}  // namespace

sealed_content seal_content(content_alg enc, bytes_view key, bytes_view aad, bytes_view plaintext, random_source& random) {
    if (!is_gcm(enc)) {
        const auto iv = random.octets<crypto::cbc_iv_size>();
        auto sealed = crypto::cbc_hmac_seal(cbc(enc), key, iv, aad, plaintext);
        return {to_bytes(iv), std::move(sealed.ciphertext), std::move(sealed.tag)};
    }
    const auto nonce = random.octets<crypto::aead_nonce_size>();
    crypto::aead_key with(gcm(enc), key, crypto::aead_key::use::seal);
    bytes sealed = with.seal(nonce, aad, plaintext);
    const auto tag = sealed.end() - crypto::aead_tag_size;
    bytes tag_octets(tag, sealed.end());
    sealed.erase(tag, sealed.end());
    return {to_bytes(nonce), std::move(sealed), std::move(tag_octets)};
}

result<bytes> open_content(content_alg enc, bytes_view key, bytes_view aad, bytes_view iv, bytes_view ciphertext,
                           bytes_view tag) {
    const auto refused = [] {
        return fail(error_category::peer, "decryption_failed", "The message cannot be opened with this key.");
    };
    if (!is_gcm(enc)) {
        if (iv.size() != crypto::cbc_iv_size || tag.size() != crypto::cbc_hmac_tag_size(cbc(enc))) {
            return refused();
        }
        return crypto::cbc_hmac_open(cbc(enc), key, iv.first<crypto::cbc_iv_size>(), aad, ciphertext, tag);
    }
    // RFC 7518 5.3: "Use of an IV of size 96 bits is REQUIRED", "The requested size of the Authentication Tag output MUST be 128
    // bits": a shorter tag would be easier to guess.
    if (iv.size() != crypto::aead_nonce_size || tag.size() != crypto::aead_tag_size) {
        return refused();
    }
    crypto::aead_key with(gcm(enc), key, crypto::aead_key::use::open);
    return with.open(iv.first<crypto::aead_nonce_size>(), aad, concat({ciphertext, tag}));
}

secret_bytes concat_kdf(bytes_view agreed, std::string_view algorithm, bytes_view apu, bytes_view apv, size_t octets) {
    secret_bytes out;
    for (size_t round = 1; out.size() < octets; ++round) {
        crypto::hasher h(crypto::hash_algorithm::sha256);
        h.update(four_octets(round)).update(agreed);
        for (const bytes_view part : {as_bytes(algorithm), apu, apv}) {
            h.update(four_octets(part.size())).update(part);
        }
        constexpr size_t bits = 8;
        auto some = h.update(four_octets(octets * bits)).finish();
        out.append(some.view());
        wipe({some.data(), some.size()});
    }
    out.resize(octets);
    return out;
}

}  // namespace berth::jose
