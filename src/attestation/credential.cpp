#include "attestation/credential.h"

#include "attestation/endorsement.h"
#include "attestation/kdf.h"
#include "crypto/constant_time.h"
#include "crypto/curve_openssl.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

namespace berth::attestation {

namespace {

// The label with its terminating zero, which belongs to it (Part 1, B.4: "a null-terminated string").
constexpr std::array<uint8_t, 9> identity{'I', 'D', 'E', 'N', 'T', 'I', 'T', 'Y', 0};

error bad_ek(std::string_view why) {
    return {error_category::peer, "bad_public_key", "The endorsement key is not valid: " + std::string(why) + "."};
}

struct transported_seed {
    secret_bytes seed;
    bytes encrypted;
};

const char* libcrypto_name(crypto::hash_algorithm hash) {
    return hash == crypto::hash_algorithm::sha256 ? "SHA2-256" : hash == crypto::hash_algorithm::sha384 ? "SHA2-384" : "SHA2-512";
}

// Part 1, B.10.4: OAEP with the EK's Name hash and the label "IDENTITY".
result<transported_seed> to_rsa(const public_area& ek, crypto::hash_algorithm hash, random_source& random) {
    BERTH_TRY(spki, ek.spki());
    const unsigned char* at = spki.data();
    const crypto::evp_pkey_ptr key(
        d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(spki.size()), crypto::lib_context(), crypto::default_only));
    if (!key) {
        ERR_clear_error();
        return fail(bad_ek("it is no RSA key"));
    }
    transported_seed out{secret_bytes(crypto::hash_size(hash)), {}};
    random.fill(out.seed.writable());
    const crypto::evp_pkey_ctx_ptr context(
        crypto::must(EVP_PKEY_CTX_new_from_pkey(crypto::lib_context(), key.get(), crypto::default_only), "making a key context"));
    crypto::must(EVP_PKEY_encrypt_init(context.get()), "starting an RSA encryption");
    // libcrypto takes all of these through pointers that are not const, and writes through none.
    char* const digest = const_cast<char*>(libcrypto_name(hash));
    std::array<uint8_t, identity.size()> label = identity;
    std::array params{
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, const_cast<char*>(OSSL_PKEY_RSA_PAD_MODE_OAEP), 0),
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, digest, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, label.data(), label.size()),
        OSSL_PARAM_construct_end()};
    crypto::must(EVP_PKEY_CTX_set_params(context.get(), params.data()), "choosing OAEP");
    const bytes_view seed = out.seed.reveal();
    size_t size = 0;
    crypto::must(EVP_PKEY_encrypt(context.get(), nullptr, &size, seed.data(), seed.size()), "sizing an RSA encryption");
    out.encrypted.resize(size);
    if (EVP_PKEY_encrypt(context.get(), out.encrypted.data(), &size, seed.data(), seed.size()) != 1) {
        return fail(bad_ek("nothing can be encrypted to it: " + crypto::openssl_errors()));
    }
    out.encrypted.resize(size);
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

bytes aes_cfb(bytes_view key, bytes_view plain) {
    const crypto::evp_cipher_ctx_ptr context(crypto::must(EVP_CIPHER_CTX_new(), "making a cipher context"));
    using cipher_ptr = crypto::openssl_ptr<EVP_CIPHER, EVP_CIPHER_free>;
    const cipher_ptr cipher(crypto::must(
        EVP_CIPHER_fetch(crypto::lib_context(), key.size() == 16 ? "AES-128-CFB" : "AES-256-CFB", crypto::default_only),
        "fetching AES-CFB"));
    const std::array<uint8_t, 16> zero_iv{};  // the key is used once
    crypto::must(EVP_EncryptInit_ex2(context.get(), cipher.get(), key.data(), zero_iv.data(), nullptr), "starting AES-CFB");
    bytes out(plain.size());
    int size = 0;
    crypto::must(EVP_EncryptUpdate(context.get(), out.data(), &size, plain.data(), static_cast<int>(plain.size())), "AES-CFB");
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
    const bytes encrypted = aes_cfb(symmetric.reveal(), sized.reveal());
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
