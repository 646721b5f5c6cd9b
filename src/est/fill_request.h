// A certification request as the server's attributes want it (RFC 7030 4.5.2, RFC 9908).
#pragma once

#include "pki/csr.h"
#include "pki/csr_attributes.h"

namespace berth::est {

// The key that the server wants: of its template, else of its list, where a bare OID of a key type counts too. Nothing: any.
std::optional<pki::wanted_key> key_wanted(const pki::csr_attributes& wanted);

// `own`, changed to what is wanted: names and extensions for which the server gives values have these, those it leaves open
// have ours, and RFC 9908's template leaves no others in the subject. `channel_binding` becomes the challengePassword where it
// is asked for. What is not known is passed over, but for what a template asks us to fill in: errors attribute_missing (param
// "attribute": we have nothing to fill in), channel_binding_missing; bad_csr_attributes (a value that is not what it is said to
// be).
result<pki::csr_template> fill_request(const pki::csr_attributes& wanted, pki::csr_template own,
                                       const std::optional<std::string>& channel_binding);

}  // namespace berth::est
