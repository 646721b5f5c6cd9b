// The module's own functions, in a session of their own; the login is the process's.
#include "keystore/operations.h"
#include "keystore/pkcs11/module.h"
#include "keystore/places.h"

namespace berth::keystore::bench {

namespace {

// A session, and a key of the token.
struct in_session {
    CK_FUNCTION_LIST_PTR call = nullptr;
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    signing_key_ptr keeps_login;
};

CK_SLOT_ID slot_of_token(CK_FUNCTION_LIST_PTR call) {
    std::array<CK_SLOT_ID, 8> slots{};
    CK_ULONG count = slots.size();
    call->C_GetSlotList(CK_TRUE, slots.data(), &count);
    for (CK_ULONG i = 0; i < count; ++i) {
        CK_TOKEN_INFO info{};
        call->C_GetTokenInfo(slots[i], &info);
        if ((info.flags & CKF_TOKEN_INITIALIZED) != 0) {
            return slots[i];
        }
    }
    return 0;
}

in_session open_on(CK_OBJECT_CLASS kind, std::string label) {
    in_session out;
    out.keeps_login = open_signing_key(in_token().signing).value();
    out.call = pkcs11::load_module(module_of_token()).value();
    out.call->C_OpenSession(slot_of_token(out.call), CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &out.session);
    std::array<CK_ATTRIBUTE, 2> wanted{{{CKA_CLASS, &kind, sizeof(kind)}, {CKA_LABEL, label.data(), label.size()}}};
    CK_ULONG found = 0;
    out.call->C_FindObjectsInit(out.session, wanted.data(), wanted.size());
    out.call->C_FindObjects(out.session, &out.key, 1, &found);
    out.call->C_FindObjectsFinal(out.session);
    return out;
}

call signs() {
    return [at = open_on(CKO_PRIVATE_KEY, "sign")] {
        CK_MECHANISM how{CKM_ECDSA, nullptr, 0};
        std::array<CK_BYTE, 32> digest{};
        std::array<CK_BYTE, 64> signature{};
        CK_ULONG size = signature.size();
        return at.call->C_SignInit(at.session, &how, at.key) == CKR_OK &&
               at.call->C_Sign(at.session, digest.data(), digest.size(), signature.data(), &size) == CKR_OK;
    };
}

call decapsulates() {
    return [at = open_on(CKO_PRIVATE_KEY, "kem"), outside = std::make_shared<const outside_of_chip>()] {
        bytes point = outside->point();
        CK_ECDH1_DERIVE_PARAMS with{};
        with.kdf = CKD_NULL;
        with.ulPublicDataLen = point.size();
        with.pPublicData = point.data();
        CK_MECHANISM how{CKM_ECDH1_DERIVE, &with, sizeof(with)};
        CK_OBJECT_CLASS kind = CKO_SECRET_KEY;
        CK_KEY_TYPE type = CKK_GENERIC_SECRET;
        CK_BBOOL yes = CK_TRUE;
        CK_BBOOL no = CK_FALSE;
        CK_ULONG length = 32;
        std::array<CK_ATTRIBUTE, 6> as{{{CKA_CLASS, &kind, sizeof(kind)},
                                        {CKA_KEY_TYPE, &type, sizeof(type)},
                                        {CKA_TOKEN, &no, sizeof(no)},
                                        {CKA_SENSITIVE, &no, sizeof(no)},
                                        {CKA_EXTRACTABLE, &yes, sizeof(yes)},
                                        {CKA_VALUE_LEN, &length, sizeof(length)}}};
        CK_OBJECT_HANDLE derived = CK_INVALID_HANDLE;
        std::array<CK_BYTE, 32> x{};
        CK_ATTRIBUTE value{CKA_VALUE, x.data(), x.size()};
        const bool fine = at.call->C_DeriveKey(at.session, &how, at.key, as.data(), as.size(), &derived) == CKR_OK &&
                          at.call->C_GetAttributeValue(at.session, derived, &value, 1) == CKR_OK &&
                          at.call->C_DestroyObject(at.session, derived) == CKR_OK;
        return fine && outside->finish(x);
    };
}

struct gcm_parameters {
    std::array<CK_BYTE, 12> nonce{};
    std::array<CK_BYTE, 20> beside{};
    CK_GCM_PARAMS parameters{nonce.data(), nonce.size(), 8 * nonce.size(), beside.data(), beside.size(), 128};
    CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
};

using sealed = std::array<CK_BYTE, sealed_octets + 16>;

bool seal_once(const in_session& at, gcm_parameters& how, sealed& out) {
    std::array<CK_BYTE, sealed_octets> secret{};
    CK_ULONG size = out.size();
    return at.call->C_GenerateRandom(at.session, how.nonce.data(), how.nonce.size()) == CKR_OK &&
           at.call->C_EncryptInit(at.session, &how.mechanism, at.key) == CKR_OK &&
           at.call->C_Encrypt(at.session, secret.data(), secret.size(), out.data(), &size) == CKR_OK;
}

in_session sealing() {
    static_cast<void>(seal(in_token().signing, secret_bytes(sealed_octets)));  // there is a key for it now
    return open_on(CKO_SECRET_KEY, "sign");
}

call seals() {
    return [at = sealing()] {
        gcm_parameters how;
        sealed out{};
        return seal_once(at, how, out);
    };
}

call unseals() {
    const auto at = sealing();
    const auto how = std::make_shared<gcm_parameters>();
    const auto what = std::make_shared<sealed>();
    const bool made = seal_once(at, *how, *what);
    return [at, how, what, made] {
        sealed out{};
        CK_ULONG size = out.size();
        return made && at.call->C_DecryptInit(at.session, &how->mechanism, at.key) == CKR_OK &&
               at.call->C_Decrypt(at.session, what->data(), what->size(), out.data(), &size) == CKR_OK;
    };
}

call draws() {
    return [at = open_on(CKO_PRIVATE_KEY, "sign")] {
        std::array<CK_BYTE, random_octets> out{};
        return at.call->C_GenerateRandom(at.session, out.data(), out.size()) == CKR_OK;
    };
}

}  // namespace

std::vector<comparison> pkcs11_calls() {
    return {{"pkcs11", "sign", berth_signs(in_token), signs},
            {"pkcs11", "decapsulate", berth_decapsulates(in_token), decapsulates},
            {"pkcs11", "seal", berth_seals(in_token), seals},
            {"pkcs11", "unseal", berth_unseals(in_token), unseals},
            {"pkcs11", "random", berth_draws(in_token), draws}};
}

}  // namespace berth::keystore::bench
