// Certification requests that no well-behaved program makes, signed all the same: DER put together by hand.
#pragma once

#include "crypto/sign.h"
#include "support/test_pki.h"

namespace berth::test {

inline bytes tlv(uint8_t tag, bytes_view content) {
    bytes out{tag};
    if (content.size() < 0x80) {
        out.push_back(static_cast<uint8_t>(content.size()));
    } else {
        out.push_back(0x83);
        for (int shift : {16, 8, 0}) {
            out.push_back(static_cast<uint8_t>(content.size() >> shift));
        }
        // The shortest form, as DER wants it.
        if (content.size() <= 0xff) {
            out = {tag, 0x81, static_cast<uint8_t>(content.size())};
        } else if (content.size() <= 0xffff) {
            out = {tag, 0x82, static_cast<uint8_t>(content.size() >> 8), static_cast<uint8_t>(content.size())};
        }
    }
    append(out, content);
    return out;
}
inline bytes sequence(std::initializer_list<bytes_view> parts) {
    return tlv(0x30, concat(parts));
}
inline bytes set(std::initializer_list<bytes_view> parts) {
    return tlv(0x31, concat(parts));
}
inline bytes hex(std::string_view text) {
    return value_of(from_hex(text));
}
inline bytes text_of(std::string_view text) {
    return to_bytes(as_bytes(text));
}

inline const bytes der_cn = hex("0603550403");
inline const bytes der_extension_request = hex("06092a864886f70d01090e");
inline const bytes der_challenge = hex("06092a864886f70d010907");

// CN=value, with this string type (UTF8String unless given).
inline bytes common_name(std::string_view value, uint8_t type = 0x0c) {
    return sequence({set({sequence({der_cn, tlv(type, as_bytes(value))})})});
}
// One Extension.
inline bytes extension(const bytes& oid, const bytes& value) {
    return sequence({oid, tlv(0x04, value)});
}
// The extensionRequest attribute with these Extensions.
inline bytes asks_extensions(std::initializer_list<bytes_view> extensions) {
    return sequence({der_extension_request, set({tlv(0x30, concat(extensions))})});
}

// ECDSA P-256 only.
inline bytes request_of(const bytes& name, std::initializer_list<bytes_view> attributes, const crypto::signing_key& key,
                        bytes version = {2, 1, 0}) {
    const bytes info = sequence({version, name, key.public_key().spki(), tlv(0xa0, concat(attributes))});
    const bytes signature = value_of(key.sign(info));
    const bytes bits = tlv(0x03, concat({bytes{0}, signature}));
    return sequence({info, hex("300a06082a8648ce3d040302"), bits});
}

}  // namespace berth::test
