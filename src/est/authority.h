// What an EST server asks of whoever issues: the interface of the CA behind it.
#pragma once

#include "est/channel_binding.h"
#include "est/requester.h"
#include "est/tpm_enrolment.h"
#include "pki/csr_attributes.h"
#include "pki/kem_csr.h"

#include <variant>

namespace berth::est {

// One label's rules. What no access rule grants is refused.
struct label_policy {
    std::vector<access_rule> access;
    binding_rule binding = binding_rule::if_present;
    // cacerts and csrattrs for everybody: as RFC 7030 4.1.2 and 4.5 recommend. False: access rules decide about them too.
    bool public_information = true;
    // Extensions and attributes of requests that the authority judges itself; a request with others is refused.
    std::vector<std::string> known_extensions;
    std::vector<std::string> known_attributes;
    std::string realm = "est";
    // Registration authorities (requester::any_name) ask for others here.
    bool for_authorities = false;
    // Requests may choose names beside the requester's own, and the authority knows which: it judges all of them.
    bool authority_judges_names = false;
};

// One request to be decided: authenticated, permitted, its signature and its names judged.
struct enrolment {
    operation what = operation::simpleenroll;
    std::string_view label;
    const requester& by;
    const pki::csr_contents& asks;
    bytes_view request;                          // DER; its digest tells a request that comes again
    const pki::verified_kem_csr* kem = nullptr;  // for a KEM key: who vouches for it
    // simplereenroll: the certificate presented, and whether its key stays. RFC 7030 4.2.2: with the same key it is a renewal,
    // with another a rekeying.
    const pki::certificate* replaces = nullptr;
    bool same_key = false;
    const endorsed_key* endorsed = nullptr;  // tpmenroll: by whom and where; what is issued goes into an envelope
};

struct issued {
    pki::certificate certificate;
};
struct generated {
    pki::certificate certificate;
    secret_bytes pkcs8;
};
// Somebody has to approve first. RFC 7030 4.2.3: the client comes again with the same request (its channel binding may be
// another by then: the key and the requester tell).
struct waiting {
    uint32_t retry_after = 60;  // seconds
};

class authority {
public:
    virtual ~authority() = default;

    // Null: there is no such label. The empty label is the server's own.
    [[nodiscard]] virtual const label_policy* policy(std::string_view label) const = 0;

    // RFC 7030 4.1.3: the current root and whatever a path from an issued certificate to it needs; while a root is being
    // replaced also OldWithOld, OldWithNew and NewWithOld.
    [[nodiscard]] virtual result<std::vector<pki::certificate>> ca_certificates(std::string_view label) const = 0;

    // Empty: nothing in particular.
    [[nodiscard]] virtual result<pki::csr_attributes> attributes(std::string_view label, const requester& who) const = 0;

    // Each field of `asks` is honoured or the request refused; see honoured.h. An error of category peer or incompatible is
    // told to the requester in its own words, any other is not. Its parameter "status", if any, is the HTTP status.
    virtual result<std::variant<issued, waiting>> enrol(const enrolment& request) = 0;

    // A key made here, and its certificate. The request's own key is not looked at. Default: error not_implemented.
    virtual result<std::variant<generated, waiting>> generate(const enrolment& request);

    // tpmenroll: whether a maker of TPMs who is believed stands behind the request, and what of it one TPM alone can open.
    // Default: error not_implemented.
    virtual result<endorsed_key> endorse(std::string_view label, const tpm_request& request, bytes_view csr_spki);
    virtual result<tpm_answer> seal(const endorsed_key& for_whom, const pki::certificate& issued);

    // Who may vouch for KEM keys (RFC 9883). Default: nobody.
    [[nodiscard]] virtual std::optional<pki::possession_rules> vouchers(std::string_view label) const;
};

}  // namespace berth::est
