// Internal: the few DER structures around our keys. libcrypto reads tags and lengths; what we accept is only
// what we would write, which makes the reading strict.
#pragma once

#include "base/secret.h"
#include "crypto/crypto_openssl.h"

#include <initializer_list>
#include <optional>

namespace berth::crypto {

// AlgorithmIdentifiers, complete.
namespace algorithm_identifier {
inline constexpr auto octets(auto... o) {
    return std::array<uint8_t, sizeof...(o)>{static_cast<uint8_t>(o)...};
}
inline constexpr auto mlkem768 = octets(0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 4, 2);
inline constexpr auto mlkem1024 = octets(0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 4, 3);
inline constexpr auto mlkem768_p256 = octets(0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 6, 59);
inline constexpr auto mlkem1024_p384 = octets(0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 6, 63);
inline constexpr auto p256 = octets(0x30, 19, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1,  //
                                    6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7);
inline constexpr auto p384 = octets(0x30, 16, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 0x22);
// ecdsa-with-SHA256 and ecdsa-with-SHA384 (RFC 5758 3.2), without parameters. ML-DSA signs under the identifier of its keys
// (RFC 9881 3).
inline constexpr auto ecdsa_with_sha256 = octets(0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2);
inline constexpr auto ecdsa_with_sha384 = octets(0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3);
inline constexpr auto mldsa44 = octets(0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 17);
inline constexpr auto mldsa65 = octets(0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18);
inline constexpr auto mldsa87 = octets(0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 19);
}  // namespace algorithm_identifier

// tag, length, and the parts one after the other.
bytes der_tlv(uint8_t tag, std::initializer_list<bytes_view> parts);
secret_bytes secret_der_tlv(uint8_t tag, std::initializer_list<bytes_view> parts);

// Takes one element with this tag octet off the front of `in` and returns its content.
std::optional<bytes_view> take_der(bytes_view& in, uint8_t tag);

// SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }
bytes make_spki(bytes_view algorithm, bytes_view key);

struct spki_parts {
    bytes_view oid;        // content octets of the OBJECT IDENTIFIER
    bytes_view algorithm;  // the whole AlgorithmIdentifier
    bytes_view key;        // content of the BIT STRING
};
// Nothing when `der` is not exactly one strict DER SubjectPublicKeyInfo with a whole number of key octets.
std::optional<spki_parts> read_spki(bytes_view der);

// The content octets of the OID of an AlgorithmIdentifier above.
bytes_view oid_octets(bytes_view algorithm);

// PrivateKeyInfo (RFC 5958, version 0).
secret_bytes make_pkcs8(bytes_view algorithm, bytes_view private_key);

struct pkcs8_parts {
    pkcs8_ptr info;
    std::string oid;          // dotted
    bool parameters = false;  // present
    bytes_view private_key;   // content of the OCTET STRING
};
// Error bad_private_key.
result<pkcs8_parts> read_pkcs8(bytes_view der);

error bad_private_key(std::string_view why);
error unsupported_key(std::string_view what);

}  // namespace berth::crypto
