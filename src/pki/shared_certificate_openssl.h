// A certificate that libssl has parsed, for whoever judges one handshake after the other: to decode its key again would take as
// long as all else that is read of it. Keys that only our library context knows (composite KEMs) are not known in it; a peer
// that has signed a handshake of libssl's has none of those.
#pragma once

#include "pki/certificate.h"
#include "pki/pki_openssl.h"

namespace berth::pki {

// Takes a reference. Error `bad_certificate`, as certificate::parse().
result<certificate> certificate_sharing(X509* x509);

}  // namespace berth::pki
