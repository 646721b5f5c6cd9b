// What berthd shows as a TLS or AuthKEM server: judged at home, before every client refuses it.
#pragma once

#include "base/clock.h"
#include "pki/certificate.h"

#include <filesystem>

namespace berth::app {

// Leaf first, as it is sent.
struct server_chain {
    std::filesystem::path file;
    std::vector<pki::certificate> certificates;
};

// Whatever the time: id-kp-serverAuth, where there are extended key usages at all (RFC 5280 section 4.2.1.12); a host in
// subjectAltName; each certificate followed by its issuer (RFC 8446 section 4.4.2). Errors `bad_profile`, `bad_chain`; each names
// the file.
result<void> check_server_certificate(const server_chain& chain);

// What may be mended while it is served, by a file and a SIGHUP: that all are in their time, and that none is missing between the
// last of the file and the roots that clients have. `known`: CAs that are known here; of an issuer that is not among them nobody
// here can say whether clients know it. Errors `certificate_expired`, `certificate_not_yet_valid`, `missing_issuer`; each names
// the file.
result<void> check_server_certificate_now(const server_chain& chain, const std::vector<pki::certificate>& known,
                                          unix_seconds now);

}  // namespace berth::app
