// Name constraints (RFC 5280 section 4.2.1.10) and path lengths (4.2.1.9) for whoever signs and whoever draws: before a
// certificate is made, rather than when its chain is refused. Verification does not depend on this: libcrypto judges paths.
#pragma once

#include "pki/issue.h"
#include "pki/verify.h"

#include <span>

namespace berth::pki {

// Those for DNS names and hosts of URIs; of other kinds nothing is said.
name_constraints constraints_of(const certificate& ca);

// Whether the certificate bears this name, as verification compares names (RFC 5280 section 7.1: without case, say). Errors of
// names that cannot be encoded.
result<bool> bears_name(const certificate& c, const distinguished_name& name);

// Whether a path length above counts it. RFC 5280 does not count self-issued certificates, for CAs that change their key. Whoever
// has a CA's key can make any number of these, with other keys, and give them to others; hence only those of the same key are
// passed over here.
bool takes_room(const certificate& ca, const certificate& issuer);

// That the chain of a leaf keeps to all path lengths above it, by takes_room. Verification has judged the rest. Error
// `path_too_long` (peer), params "subject", "issuer".
result<void> check_stand_ins(const verified_chain& leaf);

// That the CA that the chain leads to has room below it for what it signs: a path that ends with it counts only those above
// (section 4.2.1.9: "The last certificate in the certification path is not an intermediate certificate, and is not included in
// this limit"), by takes_room. Error `path_too_long` (peer), params "subject", "issuer".
result<void> check_may_sign(const verified_chain& ca);

// That each of these names is left to the subject by all of `above`. Error `name_constraint_violated` (usage), params "name",
// "issuer".
result<void> check_names_left(const subject_alt_names& names, std::span<const certificate> above);

}  // namespace berth::pki
