// The epoch of a device in its certificates: a number that its owner's CA counts up to end all certificates that the device has
// been given before, without a list of them.
//
//   id-berth-epoch ::= 2.25.228790632718243 (an arc of a number nobody needs to assign, X.667), not critical
//   Epoch ::= INTEGER (0..4294967295)
//
// It is an extension and no part of a name: names say who a device is, and are compared by those who have never heard of
// epochs; those pass over the extension, and ask OCSP or a list, which answer by epochs, too. A certificate without it has no
// epoch, and nothing but its serial number ends it early.
#pragma once

#include "pki/certificate.h"

namespace berth::pki {

inline constexpr std::string_view oid_epoch = "2.25.228790632718243";

// Nothing: it has none. Error `bad_certificate`: malformed, there twice, or critical.
result<std::optional<uint32_t>> epoch_of(const certificate& c);

// Whether a certificate still counts for a device whose epoch is `current`. Error `epoch_passed` (category peer).
result<void> require_epoch(const certificate& c, uint32_t current);

}  // namespace berth::pki
