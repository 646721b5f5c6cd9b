// Objects of a token: found by their attributes, made, read, destroyed. Internal to this folder.
#pragma once

#include "keystore/pkcs11/token.h"

#include <list>

namespace berth::keystore::pkcs11 {

// Attributes of an object, in the form that modules take. Values live as long as it does.
class attributes {
public:
    attributes() = default;
    attributes(attributes&&) = default;
    attributes(const attributes&) = delete;
    attributes& flag(CK_ATTRIBUTE_TYPE type, bool value);
    attributes& number(CK_ATTRIBUTE_TYPE type, CK_ULONG value);
    attributes& octets(CK_ATTRIBUTE_TYPE type, bytes_view value);
    attributes& text(CK_ATTRIBUTE_TYPE type, std::string_view value) { return octets(type, as_bytes(value)); }
    CK_ATTRIBUTE_PTR data() { return list_.data(); }
    [[nodiscard]] CK_ULONG size() const { return list_.size(); }

private:
    std::list<secret_bytes> values_;
    std::vector<CK_ATTRIBUTE> list_;
};

result<std::vector<CK_OBJECT_HANDLE>> find(session& in, attributes& wanted);
// Nothing: there is none. Error key_ambiguous: there are several.
result<std::optional<CK_OBJECT_HANDLE>> find_one(session& in, attributes& wanted);
result<secret_bytes> read(session& in, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
result<void> destroy(session& in, CK_OBJECT_HANDLE object);

// A key as a session finds it again.
struct key_place {
    bytes id;
    std::string label;
};

// The private key of a name, and where it lies. Errors key_not_found, key_ambiguous; key_unsuitable: not an EC key of a kind that
// is known here, or one that wants its PIN for each use.
struct private_key {
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    key_place place;
    bool p256 = true;
    bool signs = false;
    bool agrees = false;
};
result<private_key> find_private(session& in, const key_name& name);

// The uncompressed point of the public key beside it. Error key_not_found.
result<bytes> public_point(session& in, const private_key& of);

// The handle of an object in this session, asked for once in each.
class remembered {
public:
    remembered(CK_OBJECT_CLASS kind, key_place place) : kind_(kind), place_(std::move(place)) {}
    // Error key_not_found: deleted meanwhile. The token's lock is held.
    result<CK_OBJECT_HANDLE> in(session& now);

private:
    CK_OBJECT_CLASS kind_;
    key_place place_;
    uint64_t session_ = 0;
    CK_OBJECT_HANDLE handle_ = CK_INVALID_HANDLE;
};

// What finds all that belongs to a key.
attributes at(CK_OBJECT_CLASS kind, const key_place& place);

}  // namespace berth::keystore::pkcs11
