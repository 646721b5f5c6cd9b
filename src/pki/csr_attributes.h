// What a server wants in certification requests: CsrAttrs of EST (RFC 7030 4.5.2 with the ASN.1 of RFC 8951 4), and the
// request template of RFC 9908.
#pragma once

#include "crypto/kem.h"
#include "crypto/sign.h"
#include "pki/csr_contents.h"

namespace berth::pki {

inline constexpr std::string_view oid_request_template = "1.2.840.113549.1.9.16.2.61";    // RFC 9908
inline constexpr std::string_view oid_extension_template = "1.2.840.113549.1.9.16.2.62";  // RFC 9908

// The key that a request must be for. The algorithm is that of a SubjectPublicKeyInfo; its parameters are DER, empty when
// there are none (or, from a server of RFC 7030, when any will do).
struct wanted_key {
    std::string algorithm;
    bytes parameters;
    uint32_t rsa_bits = 0;  // 0: any size
    friend bool operator==(const wanted_key&, const wanted_key&) = default;
};
wanted_key wanted(crypto::signature_algorithm alg);
wanted_key wanted(crypto::kem_algorithm alg);
// Whether a key of ours would do. RSA never: Berth makes no such keys.
bool fits(const wanted_key& key, crypto::signature_algorithm alg);
bool fits(const wanted_key& key, crypto::kem_algorithm alg);

// An extension that the request must have; without a value the client finds one.
struct wanted_extension {
    std::string oid;
    bool critical = false;
    std::optional<bytes> value;  // content of extnValue
    friend bool operator==(const wanted_extension&, const wanted_extension&) = default;
};

// A part of the subject; without a value the client finds one.
struct wanted_name {
    std::string attribute;  // short name ("CN") or dotted OID
    std::optional<std::string> value;
    friend bool operator==(const wanted_name&, const wanted_name&) = default;
};

// RFC 9908 3.4: a request with gaps. An attribute of another type is expected in the request, with these values if any.
struct request_template {
    std::optional<std::vector<wanted_name>> subject;  // absent: no requirement
    std::optional<wanted_key> key;
    std::vector<wanted_extension> extensions;
    std::vector<requested_attribute> attributes;
    friend bool operator==(const request_template&, const request_template&) = default;
};

struct csr_attributes {
    std::vector<std::string> oids;                // named without values: attributes to include, algorithms to use
    std::vector<requested_attribute> attributes;  // with values, but for those that the members below tell
    std::vector<wanted_extension> extensions;     // id-ExtensionReq: each with its value
    std::optional<wanted_key> key;
    std::optional<request_template> form;  // RFC 9908 4: a client that knows it "MUST use the template only"
    friend bool operator==(const csr_attributes&, const csr_attributes&) = default;

    bool empty() const noexcept { return oids.empty() && attributes.empty() && extensions.empty() && !key && !form; }
    // RFC 7030 4.5.2: a server that wants identity and possession linked "MUST include" the challengePassword's OID.
    bool wants_channel_binding() const;

    // DER. Error bad_template.
    result<bytes> encode() const;

    // Error bad_csr_attributes: not exactly one DER CsrAttrs, more than 64 items or 64 KiB, or against a MUST of RFC 9908: an
    // extension request or template twice, or not with one value; an extension twice; a template of another version, or with
    // both kinds of extension request. What is not known is kept, for the caller to pass over: RFC 7030 4.5.2 has clients
    // "ignore any OID or attribute it does not recognize".
    static result<csr_attributes> parse(bytes_view der);
};

}  // namespace berth::pki
