#include "attestation/seed.h"

#include "attestation/kdf.h"
#include "crypto/curve_openssl.h"
#include "crypto/transport_ciphers.h"

namespace berth::attestation {

namespace {

// Part 1, B.10.4: OAEP with the hash of the key's Name and the label, whose terminating zero belongs to it (B.4: "a
// null-terminated string").
result<transported_seed> to_rsa(const public_area& key, crypto::hash_algorithm hash, std::string_view label,
                                random_source& random) {
    BERTH_TRY(spki, key.spki());
    transported_seed out{secret_bytes(crypto::hash_size(hash)), {}};
    random.fill(out.seed.writable());
    bytes terminated(label.begin(), label.end());
    terminated.push_back(0);
    auto encrypted = crypto::rsa_oaep_encrypt(spki, hash, terminated, out.seed.reveal());
    if (!encrypted) {
        return fail(std::move(encrypted).error().during("The key of the TPM is not valid"));
    }
    out.encrypted = std::move(*encrypted);
    return out;
}

// Part 1, C.6.4: one-pass ECDH, and the seed is KDFe of its x-coordinate.
result<transported_seed> to_ecc(const public_area& key, crypto::hash_algorithm hash, std::string_view label,
                                random_source& random) {
    const crypto::curve& curve = key.curve == tpm_curve::p256 ? crypto::curve::p256() : crypto::curve::p384();
    const size_t size = curve.field_size();
    BERTH_TRY(recipient, key.verification_key());  // padded coordinates, and on the curve
    const crypto::ec_point_ptr point = curve.point_from(recipient.raw());
    const crypto::bn_ptr scalar = curve.draw_scalar(random);
    bytes ephemeral(curve.point_size());
    curve.write_point(curve.base_times(scalar.get()).get(), ephemeral);
    const bytes_view x = bytes_view(ephemeral).subspan(1, size);
    const bytes_view y = bytes_view(ephemeral).subspan(1 + size);
    const secret_bytes z = curve.shared_x(point.get(), scalar.get());
    transported_seed out;
    out.seed = kdf_e(hash, z.reveal(), label, x, recipient.raw().subspan(1, size), crypto::hash_size(hash));
    wire::writer w(out.encrypted);  // TPMS_ECC_POINT (Part 2, 11.2.5.2)
    write_2b(w, x);
    write_2b(w, y);
    return out;
}

}  // namespace

result<transported_seed> transport_seed(const public_area& key, std::string_view label, random_source& random) {
    const auto hash = hash_of(key.name_alg);
    if (!hash || (key.aes_bits != 128 && key.aes_bits != 256) || !key.has(restricted | decrypt) ||
        (key.type != tpm_alg::rsa && key.type != tpm_alg::ecc) || (key.type == tpm_alg::ecc && field_size(key.curve) == 0)) {
        return fail(error_category::incompatible, "tpm_unsupported",
                    "Credentials can be protected for restricted decryption keys only, as endorsement keys are.");
    }
    return key.type == tpm_alg::rsa ? to_rsa(key, *hash, label, random) : to_ecc(key, *hash, label, random);
}

sealed_octets seal_for(const public_area& key, const transported_seed& by, bytes_view name, bytes_view plain) {
    const auto hash = hash_of(key.name_alg).value_or(crypto::hash_algorithm::sha256);
    const bytes_view seed = by.seed.reveal();
    const secret_bytes symmetric = kdf_a(hash, seed, "STORAGE", name, {}, key.aes_bits / 8U);
    const bytes encrypted = crypto::aes_cfb_encrypt_once(symmetric.reveal(), plain);
    const secret_bytes hmac_key = kdf_a(hash, seed, "INTEGRITY", {}, {}, crypto::hash_size(hash));
    const crypto::digest integrity = crypto::hmac(hash, hmac_key.reveal(), concat({encrypted, name}));
    sealed_octets out;
    wire::writer w(out);
    write_2b(w, integrity.view());
    w.octets(encrypted);
    return out;
}

}  // namespace berth::attestation
