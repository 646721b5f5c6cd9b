// Whether a certificate could be a server's at all.
#pragma once

#include "pki/certificate.h"

namespace berth::pki {

// Whether subjectAltName has a dNSName or an iPAddress: a name in the subject counts for nobody (RFC 9525 section 2).
bool names_a_host(const certificate& c);

}  // namespace berth::pki
