// Which CA a revocation list speaks for, and which of two counts: for verification, and for whoever puts one in another's place.
#pragma once

#include "pki/crl.h"

#include <utility>

namespace berth::pki {

// The name and the key identifier of the CA that a list names, as octets. Two CAs may share a name, hence the identifier; it is
// empty where the list has none.
std::pair<bytes, bytes> named_issuer(const crl& list);
// Whether verification takes it for a list of that CA. Its signature is another matter.
bool names_issuer(const crl& list, const certificate& issuer);
// What tells lists of one CA apart that do not take each other's place: deltas, and those of distribution points. Empty: a
// complete list of everything.
std::string scope_name(const crl& list);
// Of two lists of one CA and scope the greater counts: by number, and by thisUpdate where lists have no numbers.
std::pair<uint64_t, unix_seconds> age_of(const crl& list);

}  // namespace berth::pki
