// Operational certificates: a device sends a request with its registration and is given a certificate with the answer, by
// whichever CA stands behind certificate_issuer.
#pragma once

#include "pki/csr.h"
#include "registry/hub/identity.h"
#include "wire/json.h"

#include <span>

namespace berth::provisioning {

// Of DER. A request for ML-DSA-87 has some 7,400 octets; the limit of other services (8 KiB of base64) would refuse it.
inline constexpr size_t most_csr = 12 * 1024;

struct issue_order {
    const pki::verified_csr& request;
    std::string registration_id;
    registry::identity_name identity;  // whom the certificate is to name
    std::string enrolment;
    // What it has shown, leaf first, up to the CA that vouches for it; only the leaf where none does.
    std::span<const pki::certificate> shown = {};
    uint32_t epoch = 0;  // of the identity: certificates of an earlier one are refused
};

class certificate_issuer {
public:
    virtual ~certificate_issuer() = default;
    // Leaf first, up to a CA that is registered with the hub; that one may be left out. An error of category peer, usage or
    // incompatible is told to the device in its own words, any other is not.
    virtual result<std::vector<pki::certificate>> issue(const issue_order& order) = 0;
};

// The request of a registration's body, in "csr" or, for SDKs that know no such member, in "payload" as "csr": base64 of DER.
// Nothing: it has none. Errors (peer) `bad_csr`: both, no base64, too large, not one that
// pki::verified_csr::parse takes (kind of key, signature), or its only common name is not the registration id.
result<std::optional<pki::verified_csr>> read_csr(const wire::json::object& body, std::string_view registration_id);

// base64 of DER, leaf first, as registrationState.issuedCertificateChain has it.
wire::json::array chain_json(std::span<const pki::certificate> chain);

}  // namespace berth::provisioning
