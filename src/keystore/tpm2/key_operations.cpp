#include "keystore/tpm2/key_operations.h"

#include "attestation/attest.h"
#include "keystore/tpm2/session_tss2.h"

namespace berth::keystore::tpm2 {

result<bytes> sign_digest(const object& key, bytes_view digest) {
    const auto algorithm = attestation::ecdsa_on(key.area().curve);
    if (!algorithm) {
        return fail(error_category::incompatible, "tpm_unsupported", "This key of the TPM makes no ECDSA signatures.");
    }
    if (key.area().has(attestation::restricted)) {
        return fail(error_category::usage, "key_restricted",
                    "This key of the TPM signs attestations only, nothing that comes from outside. Name another key.");
    }
    const hold esys(*key.owner());
    TPM2B_DIGEST data{};
    if (!fill(data.size, data.buffer, digest)) {
        return fail(error_category::internal, "too_large", "A digest is longer than any hash.");
    }
    TPMT_SIG_SCHEME scheme{};
    scheme.scheme = TPM2_ALG_ECDSA;
    scheme.details.ecdsa.hashAlg =
        algorithm == crypto::signature_algorithm::ecdsa_p256_sha256 ? TPM2_ALG_SHA256 : TPM2_ALG_SHA384;
    // An unrestricted key needs no proof that the TPM hashed the message itself.
    TPMT_TK_HASHCHECK no_ticket{};
    no_ticket.tag = TPM2_ST_HASHCHECK;
    no_ticket.hierarchy = TPM2_RH_NULL;
    esys_out<TPMT_SIGNATURE> made;
    BERTH_CHECK(check(
        tss().Esys_Sign(esys, key.esys(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, &scheme, &no_ticket, made.slot()),
        "signing with a key of the TPM"));
    BERTH_TRY(octets, from_tss(*made));
    return attestation::ecdsa_signature_der(octets, *algorithm);
}

result<secret_bytes> ecdh(const object& key, bytes_view point) {
    const size_t size = attestation::field_size(key.area().curve);
    TPM2B_ECC_POINT in{};
    if (size == 0 || point.size() != 1 + 2 * size || !fill(in.point.x.size, in.point.x.buffer, point.subspan(1, size)) ||
        !fill(in.point.y.size, in.point.y.buffer, point.subspan(1 + size))) {
        return fail(error_category::internal, "bad_point", "A point of another size than the key's curve has.");
    }
    const hold esys(*key.owner());
    // Salted with the key itself: it decrypts, it is at hand, and its public part is what we were given certificates for.
    BERTH_TRY(auth, session::start(key.owner(), TPM2_SE_HMAC, key.esys(), TPMA_SESSION_ENCRYPT));
    esys_out<TPM2B_ECC_POINT> out;
    BERTH_CHECK(check(tss().Esys_ECDH_ZGen(esys, key.esys(), auth.esys(), ESYS_TR_NONE, ESYS_TR_NONE, &in, out.slot()),
                      "agreeing on a secret with a key of the TPM"));
    const bytes_view x{out->point.x.buffer, out->point.x.size};
    secret_bytes padded(size - std::min(size, x.size()));
    padded.append(x);
    return padded;
}

}  // namespace berth::keystore::tpm2
