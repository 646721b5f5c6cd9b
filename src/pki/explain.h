// What certificates say, in words: for tools that explain. Nothing is decided by these.
#pragma once

#include "pki/certificate.h"

namespace berth::pki {

std::string key_text(bytes_view spki);             // "ECDSA P-256", "ML-DSA-65", "RSA 2048", or an OID
std::string signature_text(const certificate& c);  // "ecdsa-with-SHA256"
std::string key_usage_text(uint16_t bits);         // "digitalSignature, keyCertSign"
std::string purpose_text(std::string_view oid);    // "clientAuth", or the OID

struct extension_facts {
    std::string oid;
    std::string name;  // "subjectAltName"; empty: unknown
    bool critical = false;
    bool understood = true;  // whether Berth judges by it
};
std::vector<extension_facts> extensions_of(const certificate& c);

std::string name_of_oid(std::string_view oid);  // "sha256WithRSAEncryption"; the OID itself, if nobody knows it

}  // namespace berth::pki
