// Who asks, as far as it was authenticated before EST looks at the request.
#pragma once

#include "est/operation.h"
#include "pki/csr_contents.h"

namespace berth::est {

// How somebody showed who he is. Several may come together: an IDevID and a secret in a header.
enum class proof : uint8_t {
    certificate = 1,    // mutual TLS or AuthKEM
    basic = 2,          // HTTP Basic
    header_secret = 4,  // a secret in a header, from an address that is allowed
    token = 8,          // a one-time token bound to an identity
};

// Which trust anchors a certificate was verified against. They are kept apart: an application's credential enrols no device.
enum class trust_class : uint8_t { idevid = 1, ldevid = 2, operational = 4 };

struct proofs {
    uint8_t bits = 0;
    constexpr bool has(proof p) const noexcept { return (bits & static_cast<uint8_t>(p)) != 0; }
    constexpr bool includes(proofs other) const noexcept { return (bits & other.bits) == other.bits; }
    constexpr bool none() const noexcept { return bits == 0; }
    friend constexpr proofs operator|(proofs a, proof b) noexcept {
        return {static_cast<uint8_t>(a.bits | static_cast<uint8_t>(b))};
    }
};
constexpr proofs operator|(proof a, proof b) noexcept {
    return proofs{} | a | b;
}
constexpr proofs only(proof p) noexcept {
    return proofs{} | p;
}

struct requester {
    proofs how;
    std::optional<trust_class> trust;     // of the certificate
    std::vector<pki::certificate> chain;  // leaf first, verified; empty without a certificate
    std::string name;                     // for records and people: subject, user, the token's name
    std::string address;                  // "192.0.2.1:40312"
    // What this requester may have certified: each part of a name that a request asks for must be here. Of a certificate its
    // own names; of a user or a token what it was bound to.
    std::optional<pki::certificate_names> identity;
    // A registration authority (id-kp-cmcRA, RFC 7030 3.7) or a manufacturer's line: it asks for others, by any name.
    bool any_name = false;

    // A certificate that was verified against the anchors of `trust`. Errors of pki::names_of.
    static result<requester> with_certificate(std::vector<pki::certificate> chain, trust_class trust);
};

// Who may do what; all of `how` together, and a certificate of one of the classes in `trust`.
struct access_rule {
    std::vector<operation> operations;
    proofs how;
    uint8_t trust = 0;  // trust_class bits; of no meaning without proof::certificate
    // Also for who has shown nothing: what is asked for shows by itself who asks. Without it a rule without `how` grants nothing.
    bool anybody = false;
};

enum class access : uint8_t {
    granted,
    unauthenticated,  // a password would help
    denied,
};
access judge_access(std::span<const access_rule> rules, operation op, const requester& who);
// What any of the rules wants for that, in words ("a certificate (idevid) with a token, or a name and password"); empty: nobody
// may.
std::string describe_access(std::span<const access_rule> rules, operation op);
// What he has shown, in the same words.
std::string describe(const requester& who);

// RFC 7030 4.2: the names that a request asks for are the requester's own. A CN may also be the serialNumber of the identity:
// both name the device. Without names a request is left to the issuer's template. Errors name_not_permitted, with param "name";
// bad_dns_name (a wildcard, a label of no or of more than 63 characters or with others than letters, digits and hyphens).
result<void> judge_names(const pki::csr_contents& asks, const requester& who);

}  // namespace berth::est
