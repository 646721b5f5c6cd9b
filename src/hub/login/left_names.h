// Which names the CAs above a device leave to it: name constraints, RFC 5280 section 4.2.1.10.
//
// Those for DNS names bind dNSNames; libraries apply them to a common name only if it has the form of a host's and there is no
// dNSName beside it. Devices and modules are known here by their common name, whatever its form: so it is bound here as if it
// were a DNS name, "pump-1" being none below "factory-y.example". A module is bound by its device's name.
#pragma once

#include "pki/verify.h"

#include <span>

namespace berth::hub {

inline constexpr std::string_view device_name_uri = "urn:berth:device:";  // of alternative names: a device or module is called so

// `above`: whoever has signed it, and all above up to the anchor, in any order. What is no name of a device or module is left to
// everybody. Error `name_constraint_violated` (peer), params "name", "issuer".
result<void> check_name_left(std::string_view device_or_module, std::span<const pki::certificate> above);
// Of each name that the leaf could be known by.
result<void> check_names_left(const pki::verified_chain& chain);

}  // namespace berth::hub
