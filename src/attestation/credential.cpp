#include "attestation/credential.h"

#include "attestation/endorsement.h"
#include "attestation/kdf.h"
#include "crypto/constant_time.h"
#include "crypto/curve_openssl.h"
#include "crypto/transport_ciphers.h"

#include <array>

namespace berth::attestation {

namespace {

// The label with its terminating zero, which belongs to it (Part 1, B.4: "a null-terminated string").
constexpr std::array<uint8_t, 9> identity{'I', 'D', 'E', 'N', 'T', 'I', 'T', 'Y', 0};

struct transported_seed {
    secret_bytes seed;
    bytes encrypted;
};

// Part 1, B.10.4: OAEP with the EK's Name hash and the label "IDENTITY".
result<transported_seed> to_rsa(const public_area& ek, crypto::hash_algorithm hash, random_source& random) {
    BERTH_TRY(spki, ek.spki());
    transported_seed out{secret_bytes(crypto::hash_size(hash)), {}};
    random.fill(out.seed.writable());
    auto encrypted = crypto::rsa_oaep_encrypt(spki, hash, identity, out.seed.reveal());
    if (!encrypted) {
        return fail(std::move(encrypted).error().during("The endorsement key is not valid"));
    }
    out.encrypted = std::move(*encrypted);
    return out;
}

// Part 1, C.6.4: one-pass ECDH, and the seed is KDFe of its x-coordinate.
result<transported_seed> to_ecc(const public_area& ek, crypto::hash_algorithm hash, random_source& random) {
    const crypto::curve& curve = ek.curve == tpm_curve::p256 ? crypto::curve::p256() : crypto::curve::p384();
    const size_t size = curve.field_size();
    BERTH_TRY(recipient, ek.verification_key());  // padded coordinates, and on the curve
    const crypto::ec_point_ptr point = curve.point_from(recipient.raw());
    const crypto::bn_ptr scalar = curve.draw_scalar(random);
    bytes ephemeral(curve.point_size());
    curve.write_point(curve.base_times(scalar.get()).get(), ephemeral);
    const bytes_view x = bytes_view(ephemeral).subspan(1, size);
    const bytes_view y = bytes_view(ephemeral).subspan(1 + size);
    const secret_bytes z = curve.shared_x(point.get(), scalar.get());
    transported_seed out;
    out.seed = kdf_e(hash, z.reveal(), "IDENTITY", x, recipient.raw().subspan(1, size), crypto::hash_size(hash));
    wire::writer w(out.encrypted);  // TPMS_ECC_POINT (Part 2, 11.2.5.2)
    write_2b(w, x);
    write_2b(w, y);
    return out;
}

}  // namespace

result<protected_credential> make_credential(const public_area& ek, bytes_view object_name, bytes_view secret,
                                             random_source& random) {
    const auto hash = hash_of(ek.name_alg);
    if (!hash || (ek.aes_bits != 128 && ek.aes_bits != 256) || !ek.has(restricted | decrypt) ||
        (ek.type == tpm_alg::ecc && field_size(ek.curve) == 0)) {
        return fail(error_category::incompatible, "tpm_unsupported",
                    "Credentials can be protected for restricted decryption keys only, as endorsement keys are.");
    }
    if (secret.size() > crypto::hash_size(*hash)) {
        return fail(error_category::internal, "credential_too_large",
                    "A credential for an endorsement key may not be longer than a digest of its hash.");
    }
    BERTH_TRY(transported, ek.type == tpm_alg::rsa ? to_rsa(ek, *hash, random) : to_ecc(ek, *hash, random));

    // Part 1, 24.4 and 24.5: symKey := KDFa(EK nameAlg, seed, "STORAGE", name, NULL, bits), encIdentity over the sized
    // credential; HMACkey := KDFa(..., "INTEGRITY", NULL, NULL, bits), outerHMAC := HMAC(HMACkey, encIdentity || name).
    const bytes_view seed = transported.seed.reveal();
    secret_bytes sized;
    sized.append(std::array<uint8_t, 2>{static_cast<uint8_t>(secret.size() >> 8U), static_cast<uint8_t>(secret.size())});
    sized.append(secret);
    const secret_bytes symmetric = kdf_a(*hash, seed, "STORAGE", object_name, {}, ek.aes_bits / 8U);
    const bytes encrypted = crypto::aes_cfb_encrypt_once(symmetric.reveal(), sized.reveal());
    const secret_bytes hmac_key = kdf_a(*hash, seed, "INTEGRITY", {}, {}, crypto::hash_size(*hash));
    const crypto::digest integrity = crypto::hmac(*hash, hmac_key.reveal(), concat({encrypted, object_name}));

    protected_credential out;
    wire::writer w(out.blob);  // TPMS_ID_OBJECT (Part 2, 12.4.2)
    write_2b(w, integrity.view());
    w.octets(encrypted);
    out.encrypted_secret = std::move(transported.encrypted);
    return out;
}

result<credential_challenge> credential_challenge::make(bytes_view ek_spki, public_area key, random_source& random) {
    credential_challenge out;
    BERTH_TRY(ek, ek_from_spki(ek_spki));
    out.secret_.resize(32);
    random.fill(out.secret_.writable());
    BERTH_TRY(sent, make_credential(ek, key.name(), out.secret_.reveal(), random));
    out.ek_ = std::move(ek);
    out.key_ = std::move(key);
    out.sent_ = std::move(sent);
    return out;
}

result<credential_challenge> credential_challenge::resume(bytes_view ek_spki, public_area key, secret_bytes awaited) {
    credential_challenge out;
    BERTH_TRY(ek, ek_from_spki(ek_spki));
    out.ek_ = std::move(ek);
    out.key_ = std::move(key);
    out.secret_ = std::move(awaited);
    return out;
}

result<activated_key> credential_challenge::accept(bytes_view returned) {
    if (secret_.empty() || !crypto::equal(secret_.reveal(), returned)) {
        return fail(error_category::peer, "credential_not_activated",
                    "The device did not return the secret that only the TPM of its endorsement certificate could read: its "
                    "keys are in another TPM, or in none.");
    }
    secret_.clear();
    return activated_key(key_, ek_);
}

}  // namespace berth::attestation
