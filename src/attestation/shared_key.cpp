#include "attestation/shared_key.h"

#include "attestation/credential.h"
#include "attestation/seed.h"
#include "crypto/transport_ciphers.h"

namespace berth::attestation {

namespace {

constexpr uint16_t hmac_scheme = 0x0005;  // TPM_ALG_HMAC
constexpr size_t inner_key_size = 16;
constexpr size_t unique_seed_size = 32;

// TPMT_PUBLIC of a keyed hash object (Part 2, 12.2.4). It may have other parents: it was made outside.
bytes hmac_public_area(bytes_view unique) {
    bytes out;
    wire::writer w(out);
    w.integer(static_cast<uint16_t>(tpm_alg::keyedhash), 2);
    w.integer(static_cast<uint16_t>(tpm_alg::sha256), 2);
    w.integer(user_with_auth | no_da | sign, 4);
    write_2b(w, {});
    w.integer(hmac_scheme, 2);
    w.integer(static_cast<uint16_t>(tpm_alg::sha256), 2);
    write_2b(w, unique);
    return out;
}

void append_2b(secret_bytes& to, bytes_view data) {
    to.append(std::array<uint8_t, 2>{static_cast<uint8_t>(data.size() >> 8U), static_cast<uint8_t>(data.size())});
    to.append(data);
}

// TPM2B_SENSITIVE (Part 2, 12.3.2.4): no password, the value that makes `unique` differ, the key.
secret_bytes sensitive_of(bytes_view key, bytes_view obfuscation) {
    secret_bytes area;
    area.append(std::array<uint8_t, 2>{0, static_cast<uint8_t>(tpm_alg::keyedhash)});
    append_2b(area, {});
    append_2b(area, obfuscation);
    append_2b(area, key);
    secret_bytes out;
    append_2b(out, area.reveal());
    return out;
}

}  // namespace

result<public_area> storage_key_from(bytes_view octets) {
    wire::reader in(octets);
    const auto size = static_cast<size_t>(in.integer(2));
    // The first two octets of TPMT_PUBLIC are its type, which no length is.
    BERTH_TRY(out, public_area::parse(octets.size() > 2 && size == octets.size() - 2 ? octets.subspan(2) : octets));
    const bool good = (out.type == tpm_alg::rsa && out.rsa_bits == 2048) || (out.type == tpm_alg::ecc && !out.x.empty());
    if (!good || !out.has(fixed_tpm | fixed_parent | sensitive_data_origin | restricted | decrypt) || out.has(sign) ||
        (out.aes_bits != 128 && out.aes_bits != 256)) {
        return fail(error_category::incompatible, "tpm_unsupported",
                    "This is not an endorsement or storage key: RSA 2048, P-256 or P-384, restricted to decryption, made in its "
                    "TPM and bound to it.");
    }
    BERTH_CHECK(out.spki());
    return out;
}

result<bytes> shared_key_for(const public_area& ek, const public_area& storage_root, bytes_view key, random_source& random) {
    secret_bytes inner(inner_key_size), obfuscation(unique_seed_size);
    random.fill(inner.writable());
    random.fill(obfuscation.writable());
    BERTH_TRY(credential, make_credential(ek, storage_root.name(), inner.reveal(), random));
    BERTH_TRY(seed, transport_seed(storage_root, "DUPLICATE", random));

    // Part 1, 27.7: unique := H(seedValue || sensitive)
    secret_bytes unique_of;
    unique_of.append(obfuscation.reveal());
    unique_of.append(key);
    const bytes area = hmac_public_area(crypto::sha256(unique_of.reveal()).view());
    bytes name;
    wire::writer named(name);
    named.integer(static_cast<uint16_t>(tpm_alg::sha256), 2);
    named.octets(crypto::sha256(area).view());

    // Part 1, 23.3.2: innerIntegrity := H(sensitive || name), encSensitive := CFB(innerKey, 0, innerIntegrity || sensitive)
    const secret_bytes sensitive = sensitive_of(key, obfuscation.reveal());
    secret_bytes judged;
    judged.append(sensitive.reveal());
    judged.append(name);
    secret_bytes plain;
    append_2b(plain, crypto::sha256(judged.reveal()).view());
    plain.append(sensitive.reveal());
    const bytes wrapped = crypto::aes_cfb_encrypt_once(inner.reveal(), plain.reveal());

    bytes out;
    wire::writer w(out);
    write_2b(w, credential.blob);
    write_2b(w, credential.encrypted_secret);
    write_2b(w, seal_for(storage_root, seed, name, wrapped));
    write_2b(w, seed.encrypted);
    write_2b(w, area);
    write_2b(w, {});
    return out;
}

}  // namespace berth::attestation
