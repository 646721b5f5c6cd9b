#include "keystore/pkcs11/operations.h"

#include "crypto/curve_openssl.h"
#include "keystore/backend.h"

namespace berth::keystore::pkcs11 {

namespace {

constexpr size_t nonce_size = 12;
constexpr size_t tag_size = 16;
constexpr size_t aes_key_size = 32;
constexpr std::string_view magic = "BPS1";  // before the nonce of what is sealed

unsigned char* unconst(bytes_view octets) {  // the standard's inputs are not const
    return const_cast<unsigned char*>(octets.data());
}

CK_MECHANISM plain(CK_MECHANISM_TYPE type) {
    return {type, nullptr, 0};
}

// A data object has no CKA_ID: the application's name holds it.
attributes record_at(const key_place& beside) {
    attributes out;
    out.number(CKA_CLASS, CKO_DATA).flag(CKA_TOKEN, true).text(CKA_APPLICATION, "berth " + to_hex(beside.id));
    return out;
}

// Authenticated, beside what is encrypted: for which key it was sealed.
class gcm {
public:
    gcm(bytes_view nonce, const key_place& beside) : nonce_(to_bytes(nonce)), bound_(concat({as_bytes(magic), beside.id})) {
        parameters_.pIv = nonce_.data();
        parameters_.ulIvLen = nonce_.size();
        parameters_.ulIvBits = 8 * nonce_.size();
        parameters_.pAAD = bound_.data();
        parameters_.ulAADLen = bound_.size();
        parameters_.ulTagBits = 8 * tag_size;
    }
    gcm(const gcm&) = delete;
    CK_MECHANISM mechanism() { return {CKM_AES_GCM, &parameters_, sizeof(parameters_)}; }

private:
    bytes nonce_;
    bytes bound_;
    CK_GCM_PARAMS parameters_{};
};

}  // namespace

result<void> make_pair(session& in, const key_place& at, bool p256, use what) {
    const bool signs = what == use::sign;
    attributes pub = pkcs11::at(CKO_PUBLIC_KEY, at);
    pub.octets(CKA_EC_PARAMS, (p256 ? crypto::curve::p256() : crypto::curve::p384()).parameters()).flag(CKA_VERIFY, signs);
    attributes priv = pkcs11::at(CKO_PRIVATE_KEY, at);
    priv.flag(CKA_PRIVATE, true)
        .flag(CKA_SENSITIVE, true)
        .flag(CKA_EXTRACTABLE, false)
        .flag(CKA_SIGN, signs)
        .flag(CKA_DERIVE, !signs);
    CK_MECHANISM mechanism = plain(CKM_EC_KEY_PAIR_GEN);
    CK_OBJECT_HANDLE made_public = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE made_private = CK_INVALID_HANDLE;
    return in.check(in.call->C_GenerateKeyPair(in.handle, &mechanism, pub.data(), pub.size(), priv.data(), priv.size(),
                                               &made_public, &made_private),
                    "making a key in the token");
}

result<bytes> sign_digest(session& in, CK_OBJECT_HANDLE key, crypto::signature_algorithm alg, bytes_view digest) {
    const std::string_view doing = "signing in the token";
    CK_MECHANISM mechanism = plain(CKM_ECDSA);
    BERTH_CHECK(in.check(in.call->C_SignInit(in.handle, &mechanism, key), doing));
    bytes out(2 * crypto::curve::p384().field_size());
    CK_ULONG size = out.size();
    BERTH_CHECK(in.check(in.call->C_Sign(in.handle, unconst(digest), digest.size(), out.data(), &size), doing));
    out.resize(size);
    return crypto::ecdsa_raw_to_der(alg, out);
}

result<secret_bytes> agree(session& in, CK_OBJECT_HANDLE key, bytes_view point) {
    const size_t field = point.size() / 2;
    CK_ECDH1_DERIVE_PARAMS parameters{};
    parameters.kdf = CKD_NULL;
    parameters.ulPublicDataLen = point.size();
    parameters.pPublicData = unconst(point);
    CK_MECHANISM mechanism{CKM_ECDH1_DERIVE, &parameters, sizeof(parameters)};
    // The secret is of one session, and comes out: what is made of it is made here.
    attributes secret;
    secret.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .flag(CKA_TOKEN, false)
        .flag(CKA_SENSITIVE, false)
        .flag(CKA_EXTRACTABLE, true)
        .number(CKA_VALUE_LEN, field);
    CK_OBJECT_HANDLE derived = CK_INVALID_HANDLE;
    BERTH_CHECK(in.check(in.call->C_DeriveKey(in.handle, &mechanism, key, secret.data(), secret.size(), &derived),
                         "a Diffie-Hellman in the token"));
    auto x = read(in, derived, CKA_VALUE);
    in.call->C_DestroyObject(in.handle, derived);
    if (x && x->size() != field) {
        return fail(error_category::environment, "token_failed", "The token's shared secret has the wrong length.");
    }
    return x;
}

result<void> fill_random(session& in, std::span<uint8_t> out) {
    return in.check(in.call->C_GenerateRandom(in.handle, out.data(), out.size()), "asking the token for random octets");
}

result<CK_OBJECT_HANDLE> ensure_sealing_key(session& in, const key_place& beside) {
    attributes wanted = at(CKO_SECRET_KEY, beside);
    BERTH_TRY(found, find_one(in, wanted));
    if (found) {
        return *found;
    }
    attributes made = at(CKO_SECRET_KEY, beside);
    made.number(CKA_KEY_TYPE, CKK_AES)
        .flag(CKA_PRIVATE, true)
        .flag(CKA_SENSITIVE, true)
        .flag(CKA_EXTRACTABLE, false)
        .flag(CKA_ENCRYPT, true)
        .flag(CKA_DECRYPT, true)
        .number(CKA_VALUE_LEN, aes_key_size);
    CK_MECHANISM mechanism = plain(CKM_AES_KEY_GEN);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    BERTH_CHECK(in.check(in.call->C_GenerateKey(in.handle, &mechanism, made.data(), made.size(), &key),
                         "making a key for sealing in the token"));
    return key;
}

result<bytes> seal(session& in, CK_OBJECT_HANDLE key, const key_place& beside, const secret_bytes& secret) {
    const std::string_view doing = "sealing in the token";
    bytes nonce(nonce_size);
    BERTH_CHECK(fill_random(in, nonce));
    gcm how(nonce, beside);
    CK_MECHANISM mechanism = how.mechanism();
    BERTH_CHECK(in.check(in.call->C_EncryptInit(in.handle, &mechanism, key), doing));
    bytes sealed(secret.size() + tag_size);
    CK_ULONG size = sealed.size();
    BERTH_CHECK(in.check(in.call->C_Encrypt(in.handle, unconst(secret.reveal()), secret.size(), sealed.data(), &size), doing));
    sealed.resize(size);
    return concat({as_bytes(magic), nonce, sealed});
}

result<secret_bytes> unseal(session& in, CK_OBJECT_HANDLE key, const key_place& beside, bytes_view sealed) {
    const std::string_view doing = "unsealing in the token";
    if (sealed.size() < magic.size() + nonce_size + tag_size || as_text(sealed.first(magic.size())) != magic) {
        return fail(seal_invalid({error_category::usage, "malformed", "It is not what sealing in a token gives."}));
    }
    gcm how(sealed.subspan(magic.size(), nonce_size), beside);
    CK_MECHANISM mechanism = how.mechanism();
    BERTH_CHECK(in.check(in.call->C_DecryptInit(in.handle, &mechanism, key), doing));
    const bytes_view body = sealed.subspan(magic.size() + nonce_size);
    secret_bytes out(body.size());
    CK_ULONG size = out.size();
    if (const CK_RV rv = in.call->C_Decrypt(in.handle, unconst(body), body.size(), out.writable().data(), &size); rv != CKR_OK) {
        // Modules disagree on how they say that the tag is wrong; a lost session they all tell apart.
        error e = response_error(rv, doing);
        in.lost = in.lost || session_lost(rv);
        return fail(in.lost ? std::move(e) : seal_invalid(std::move(e)));
    }
    out.resize(size);
    return out;
}

result<void> put_record(session& in, const key_place& beside, bytes_view record) {
    attributes data = record_at(beside);
    data.flag(CKA_PRIVATE, true).text(CKA_LABEL, beside.label).octets(CKA_VALUE, record);
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    return in.check(in.call->C_CreateObject(in.handle, data.data(), data.size(), &made), "keeping a record in the token");
}

result<bytes> get_record(session& in, const key_place& beside) {
    attributes wanted = record_at(beside);
    BERTH_TRY(found, find_one(in, wanted));
    if (!found) {
        return fail(error_category::environment, "key_not_found",
                    "The token's key of this name has no ML-KEM half beside it: it is no KEM key. Make one with another name.");
    }
    BERTH_TRY(value, read(in, *found, CKA_VALUE));
    return to_bytes(value.reveal());
}

result<void> destroy_all(session& in, const key_place& at) {
    // The private key last: as long as it is there, deleting can be asked for again.
    for (const CK_OBJECT_CLASS kind : {CKO_DATA, CKO_SECRET_KEY, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY}) {
        attributes wanted = kind == CKO_DATA ? record_at(at) : pkcs11::at(kind, at);
        BERTH_TRY(found, find(in, wanted));
        for (const CK_OBJECT_HANDLE object : found) {
            BERTH_CHECK(destroy(in, object));
        }
    }
    return {};
}

}  // namespace berth::keystore::pkcs11
