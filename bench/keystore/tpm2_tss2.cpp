// Bare ESAPI on the same TPM, through the same context: swtpm serves one connection at a time. What travels encrypted with us is
// encrypted here, too; "in clear" is the one command without a session.
#include "attestation/public_area.h"
#include "keystore/places.h"
#include "keystore/tpm2/object.h"
#include "keystore/tpm2/session_tss2.h"

namespace berth::keystore::bench {

namespace {

using tpm2::tss;

struct opened {
    tpm2::device_ptr device;
    std::shared_ptr<tpm2::object> key;
    [[nodiscard]] ESYS_CONTEXT* esys() const { return device->get().esys; }
};

// The object at a persistent handle of the measured TPM.
opened open_at(uint32_t handle) {
    static_cast<void>(in_tpm());
    opened out;
    out.device = tpm2::device::shared(tcti_of_tpm()).value();
    out.key = std::make_shared<tpm2::object>(tpm2::open_persistent(out.device, handle).value());
    return out;
}

constexpr uint32_t signing_at = 0x81020000;
constexpr uint32_t kem_at = 0x81020002;
constexpr uint32_t root_at = 0x81000001;
constexpr auto none = ESYS_TR_NONE;

// Sessions as Berth's are: salted, AES-128-CFB.
bool start(ESYS_CONTEXT* esys, ESYS_TR salt, TPMA_SESSION encrypted, ESYS_TR& out) {
    TPMT_SYM_DEF cipher{};
    cipher.algorithm = TPM2_ALG_AES;
    cipher.keyBits.aes = 128;
    cipher.mode.aes = TPM2_ALG_CFB;
    return tss().Esys_StartAuthSession(esys, salt, none, none, none, none, nullptr, TPM2_SE_HMAC, &cipher, TPM2_ALG_SHA256,
                                       &out) == TSS2_RC_SUCCESS &&
           tss().Esys_TRSess_SetAttributes(esys, out, TPMA_SESSION_CONTINUESESSION | encrypted, 0xff) == TSS2_RC_SUCCESS;
}

template <class T>
bool freed(TSS2_RC rc, T* made) {
    tss().Esys_Free(made);
    return rc == TSS2_RC_SUCCESS;
}

call signs() {
    return [at = open_at(signing_at)] {
        TPM2B_DIGEST digest{};
        digest.size = 32;
        TPMT_SIG_SCHEME scheme{};
        scheme.scheme = TPM2_ALG_ECDSA;
        scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
        TPMT_TK_HASHCHECK ticket{};
        ticket.tag = TPM2_ST_HASHCHECK;
        ticket.hierarchy = TPM2_RH_NULL;
        TPMT_SIGNATURE* made = nullptr;
        const TSS2_RC rc =
            tss().Esys_Sign(at.esys(), at.key->esys(), ESYS_TR_PASSWORD, none, none, &digest, &scheme, &ticket, &made);
        return freed(rc, made);
    };
}

call decapsulates(bool encrypted) {
    return [at = open_at(kem_at), outside = std::make_shared<const outside_of_chip>(), encrypted] {
        TPM2B_ECC_POINT in{};
        in.point.x.size = in.point.y.size = 32;
        std::copy_n(outside->point().begin() + 1, 32, in.point.x.buffer);
        std::copy_n(outside->point().begin() + 33, 32, in.point.y.buffer);
        ESYS_TR session = ESYS_TR_PASSWORD;
        if (encrypted && !start(at.esys(), at.key->esys(), TPMA_SESSION_ENCRYPT, session)) {
            return false;
        }
        TPM2B_ECC_POINT* out = nullptr;
        const TSS2_RC rc = tss().Esys_ECDH_ZGen(at.esys(), at.key->esys(), session, none, none, &in, &out);
        const bool fine = rc == TSS2_RC_SUCCESS && outside->finish({out->point.x.buffer, out->point.x.size});
        tss().Esys_Free(out);
        return fine && (!encrypted || tss().Esys_FlushContext(at.esys(), session) == TSS2_RC_SUCCESS);
    };
}

struct sealed {
    TPM2B_PRIVATE secret{};
    TPM2B_PUBLIC area{};
};

bool seal_once(const opened& root, sealed* keep) {
    TPM2B_SENSITIVE_CREATE sensitive{};
    sensitive.sensitive.data.size = sealed_octets;
    TPM2B_PUBLIC as{};
    as.publicArea.type = TPM2_ALG_KEYEDHASH;
    as.publicArea.nameAlg = TPM2_ALG_SHA256;
    as.publicArea.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA | TPMA_OBJECT_USERWITHAUTH;
    as.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
    ESYS_TR session = none;
    if (!start(root.esys(), root.key->esys(), TPMA_SESSION_DECRYPT, session)) {
        return false;
    }
    const TPM2B_DATA outside{};
    const TPML_PCR_SELECTION registers{};
    TPM2B_PRIVATE* secret = nullptr;
    TPM2B_PUBLIC* area = nullptr;
    TPM2B_CREATION_DATA* creation = nullptr;
    TPM2B_DIGEST* hash = nullptr;
    TPMT_TK_CREATION* ticket = nullptr;
    const TSS2_RC rc = tss().Esys_Create(root.esys(), root.key->esys(), session, none, none, &sensitive, &as, &outside,
                                         &registers, &secret, &area, &creation, &hash, &ticket);
    if (rc == TSS2_RC_SUCCESS && keep != nullptr) {
        *keep = {*secret, *area};
    }
    for (void* made : {static_cast<void*>(secret), static_cast<void*>(area), static_cast<void*>(creation),
                       static_cast<void*>(hash), static_cast<void*>(ticket)}) {
        tss().Esys_Free(made);
    }
    return tss().Esys_FlushContext(root.esys(), session) == TSS2_RC_SUCCESS && rc == TSS2_RC_SUCCESS;
}

call seals() {
    return [root = open_at(root_at)] { return seal_once(root, nullptr); };
}

call unseals() {
    const opened root = open_at(root_at);
    sealed what;
    if (!seal_once(root, &what)) {
        return [] { return false; };
    }
    return [root, what] {
        ESYS_TR loaded = none;
        ESYS_TR session = none;
        if (tss().Esys_Load(root.esys(), root.key->esys(), ESYS_TR_PASSWORD, none, none, &what.secret, &what.area, &loaded) !=
                TSS2_RC_SUCCESS ||
            !start(root.esys(), root.key->esys(), TPMA_SESSION_ENCRYPT, session)) {
            return false;
        }
        TPM2B_SENSITIVE_DATA* out = nullptr;
        const TSS2_RC rc = tss().Esys_Unseal(root.esys(), loaded, session, none, none, &out);
        tss().Esys_Free(out);
        return rc == TSS2_RC_SUCCESS && tss().Esys_FlushContext(root.esys(), session) == TSS2_RC_SUCCESS &&
               tss().Esys_FlushContext(root.esys(), loaded) == TSS2_RC_SUCCESS;
    };
}

call draws() {
    return [at = open_at(signing_at)] {
        TPM2B_DIGEST* out = nullptr;
        const TSS2_RC rc = tss().Esys_GetRandom(at.esys(), none, none, none, random_octets, &out);
        return freed(rc, out);
    };
}

}  // namespace

std::vector<comparison> tpm2_calls() {
    return {{"tpm2", "sign", berth_signs(in_tpm), signs, true},
            {"tpm2", "decapsulate", berth_decapsulates(in_tpm), [] { return decapsulates(true); }, true},
            {"tpm2", "decapsulate (bare: in clear)", berth_decapsulates(in_tpm), [] { return decapsulates(false); }, true},
            {"tpm2", "seal", berth_seals(in_tpm), seals, true},
            {"tpm2", "unseal", berth_unseals(in_tpm), unseals, true},
            {"tpm2", "random", berth_draws(in_tpm), draws, true}};
}

}  // namespace berth::keystore::bench
