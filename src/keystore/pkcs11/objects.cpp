#include "keystore/pkcs11/objects.h"

#include "crypto/curve_openssl.h"

#include <cstring>

namespace berth::keystore::pkcs11 {

namespace {

template <class T>
bytes octets_of(T value) {
    bytes out(sizeof(value));
    std::memcpy(out.data(), &value, sizeof(value));
    return out;
}

result<CK_ULONG> read_number(session& in, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    BERTH_TRY(value, read(in, object, type));
    CK_ULONG out = 0;
    if (value.size() != sizeof(out)) {
        return fail(error_category::environment, "token_failed", "The token gave an attribute of the wrong size.");
    }
    std::memcpy(&out, value.reveal().data(), sizeof(out));
    return out;
}

// Absent is false: tokens leave out what they do not have.
bool read_flag(session& in, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    const auto value = read(in, object, type);
    return value && value->size() == 1 && value->reveal()[0] != 0;
}

// "object=issuing;id=%01", as a name has it.
std::string text_of(const std::string& label, bytes_view id) {
    std::string out = label.empty() ? "" : "object=" + label;
    if (!id.empty()) {
        out += out.empty() ? "id=" : ";id=";
        for (const uint8_t octet : id) {
            out += "%" + to_hex(bytes_view(&octet, 1));
        }
    }
    return out;
}

error not_found(const std::string& key, const std::string& what) {
    return {error_category::environment, "key_not_found",
            "The token has no private key " + key + what + ". Its own tool lists what it has; object= and id= are exact."};
}

error unsuitable(const std::string& why) {
    return {error_category::usage, "key_unsuitable", "The key in the token cannot be used here: " + why + "."};
}

}  // namespace

attributes& attributes::flag(CK_ATTRIBUTE_TYPE type, bool value) {
    return octets(type, bytes{static_cast<uint8_t>(value ? CK_TRUE : CK_FALSE)});
}

attributes& attributes::number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
    return octets(type, octets_of(value));
}

attributes& attributes::octets(CK_ATTRIBUTE_TYPE type, bytes_view value) {
    auto& kept = values_.emplace_back(value);
    list_.push_back({type, kept.writable().data(), kept.size()});
    return *this;
}

result<std::vector<CK_OBJECT_HANDLE>> find(session& in, attributes& wanted) {
    const std::string_view doing = "looking for a key in the token";
    BERTH_CHECK(in.check(in.call->C_FindObjectsInit(in.handle, wanted.data(), wanted.size()), doing));
    std::vector<CK_OBJECT_HANDLE> out;
    CK_RV rv = CKR_OK;
    while (rv == CKR_OK) {
        std::array<CK_OBJECT_HANDLE, 16> some{};
        CK_ULONG count = 0;
        rv = in.call->C_FindObjects(in.handle, some.data(), some.size(), &count);
        if (rv != CKR_OK || count == 0) {
            break;
        }
        out.insert(out.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(count));
    }
    const CK_RV ended = in.call->C_FindObjectsFinal(in.handle);
    BERTH_CHECK(in.check(rv != CKR_OK ? rv : ended, doing));
    return out;
}

result<std::optional<CK_OBJECT_HANDLE>> find_one(session& in, attributes& wanted) {
    BERTH_TRY(all, find(in, wanted));
    if (all.size() > 1) {
        return fail(error_category::usage, "key_ambiguous",
                    "The token has several keys of this name; add id= (or object=) to it.");
    }
    return all.empty() ? std::nullopt : std::optional(all.front());
}

result<secret_bytes> read(session& in, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    const std::string_view doing = "reading an attribute of a key in the token";
    CK_ATTRIBUTE wanted{type, nullptr, 0};
    BERTH_CHECK(in.check(in.call->C_GetAttributeValue(in.handle, object, &wanted, 1), doing));
    if (wanted.ulValueLen == CK_UNAVAILABLE_INFORMATION) {
        return fail(response_error(CKR_ATTRIBUTE_TYPE_INVALID, doing));
    }
    secret_bytes out(size_t{wanted.ulValueLen});
    wanted.pValue = out.writable().data();
    BERTH_CHECK(in.check(in.call->C_GetAttributeValue(in.handle, object, &wanted, 1), doing));
    out.resize(wanted.ulValueLen);
    return out;
}

result<void> destroy(session& in, CK_OBJECT_HANDLE object) {
    return in.check(in.call->C_DestroyObject(in.handle, object), "deleting from the token");
}

attributes at(CK_OBJECT_CLASS kind, const key_place& place) {
    attributes out;
    out.number(CKA_CLASS, kind).flag(CKA_TOKEN, true).octets(CKA_ID, place.id);
    if (!place.label.empty()) {
        out.text(CKA_LABEL, place.label);
    }
    return out;
}

result<private_key> find_private(session& in, const key_name& name) {
    attributes wanted;
    wanted.number(CKA_CLASS, CKO_PRIVATE_KEY).flag(CKA_TOKEN, true);
    if (name.object) {
        wanted.text(CKA_LABEL, *name.object);
    }
    if (name.id) {
        wanted.octets(CKA_ID, *name.id);
    }
    BERTH_TRY(found, find_one(in, wanted));
    if (!found) {
        return fail(not_found(text_of(name.object.value_or(""), name.id.value_or(bytes())), ""));
    }
    private_key out;
    out.handle = *found;
    BERTH_TRY(type, read_number(in, *found, CKA_KEY_TYPE));
    if (type != CKK_EC) {
        return fail(unsuitable("it is not of an elliptic curve"));
    }
    BERTH_TRY(curve, read(in, *found, CKA_EC_PARAMS));
    out.p256 = same_octets(curve.reveal(), crypto::curve::p256().parameters());
    if (!out.p256 && !same_octets(curve.reveal(), crypto::curve::p384().parameters())) {
        return fail(unsuitable("its curve is neither P-256 nor P-384"));
    }
    if (read_flag(in, *found, CKA_ALWAYS_AUTHENTICATE)) {
        return fail(unsuitable("it wants its PIN for each single use, which a service cannot give"));
    }
    out.signs = read_flag(in, *found, CKA_SIGN);
    out.agrees = read_flag(in, *found, CKA_DERIVE);
    BERTH_TRY(id, read(in, *found, CKA_ID));
    out.place.id = to_bytes(id.reveal());
    if (const auto label = read(in, *found, CKA_LABEL)) {
        out.place.label = std::string(as_text(label->reveal()));
    }
    return out;
}

result<bytes> public_point(session& in, const private_key& of) {
    attributes wanted = at(CKO_PUBLIC_KEY, {of.place.id, {}});
    BERTH_TRY(found, find_one(in, wanted));
    if (!found) {
        return fail(not_found(text_of(of.place.label, of.place.id), " with a public key beside it (of the same id)"));
    }
    BERTH_TRY(value, read(in, *found, CKA_EC_POINT));
    const size_t size = of.p256 ? crypto::curve::p256().point_size() : crypto::curve::p384().point_size();
    // An OCTET STRING around the point, PKCS#11 says (2.40, 2.3.3); some tokens leave it away.
    const bytes_view octets = value.reveal();
    const bytes head{0x04, static_cast<uint8_t>(size)};
    const bool wrapped = octets.size() == size + head.size() && same_octets(octets.first(head.size()), head);
    return to_bytes(wrapped ? octets.subspan(head.size()) : octets);
}

result<CK_OBJECT_HANDLE> remembered::in(session& now) {
    if (session_ != now.number) {
        attributes wanted = at(kind_, place_);
        BERTH_TRY(found, find_one(now, wanted));
        if (!found) {
            return fail(not_found(text_of(place_.label, place_.id), " any more"));
        }
        handle_ = *found;
        session_ = now.number;
    }
    return handle_;
}

}  // namespace berth::keystore::pkcs11
