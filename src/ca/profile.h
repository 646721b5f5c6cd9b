// What a CA issues, to whom, and on proof of what ("Issuance gated based on trusting prior identity root of trust").
#pragma once

#include "ca/request.h"
#include "ca/text_template.h"
#include "pki/profiles.h"

#include <variant>

namespace berth::ca {

// An algorithm of keys, of either kind.
using key_kind = std::variant<crypto::signature_algorithm, crypto::kem_algorithm>;
std::string_view name_of(const key_kind& kind);  // "p256", "mldsa65", "mlkem768_p256"
std::optional<key_kind> key_kind_named(std::string_view name);
// Errors unsupported_key_algorithm, bad_public_key.
result<key_kind> key_kind_of(bytes_view spki);

// What a request may choose by itself. What it asks for beyond this must be what the profile gives anyway.
struct free_choice {
    std::vector<std::string> attributes;    // of the subject: "OU"
    std::vector<std::string> dns;           // "gateway.plant.example", or ".plant.example" for what ends so
    std::vector<std::string> uri_prefixes;  // "urn:acme:service:"
};

struct profile {
    std::string name;
    // Any of these sets of proofs; none at all: nobody is given such a certificate.
    std::vector<std::set<proof>> required;
    // Roots or issuing CAs by their keys: only certificates that lead there count as proof. Empty: any that was verified.
    std::vector<key_hash> proof_anchors;

    name_template subject;
    std::vector<text_template> dns, uris;
    std::optional<text_template> permanent_id;
    bool names_maker = false;  // the SAN URI of pki::device_identity_uri()
    free_choice may_ask;

    std::vector<key_kind> keys;
    unix_seconds lifetime = 0;  // pki::no_expiry: for ever
    bool until_issuer = false;  // a shorter one rather than none when the CA ends before
    // Absent: what the key is for, digitalSignature or keyEncipherment.
    std::optional<uint16_t> key_usage;
    std::vector<std::string> extended_key_usages;
    std::vector<std::string> policies;
    bool is_ca = false;
    std::optional<uint32_t> path_length;
    pki::name_constraints constraints;

    bool has_epoch = true;        // of the device, where one asks
    bool ocsp_no_check = false;   // for OCSP responders
    bool needs_approval = false;  // by a person, each time
    size_t most_at_once = 0;      // certificates of one device that are valid at a time; 0: any number
};

// Error `bad_profile`: what cannot be issued, or not safely.
result<void> check(const profile& p);

// "issued only on proof of identity X". Error `not_entitled` (category peer), params "profile", "proofs".
result<void> require_entitled(const profile& p, const requester& who);

// The certificate that this requester is given for this request, all but its times. Errors (category peer):
// `identity_incomplete`; `request_refused`, param "field" ("subject", "subjectAltName", "keyUsage", "extendedKeyUsage",
// "basicConstraints", "key", or an OID): it asks for what the profile does not give; `bad_name`: a value that belongs into no
// certificate; those of key_kind_of().
result<pki::certificate_template> fill(const profile& p, const requester& who, const asked& what);

}  // namespace berth::ca
