// Who asks: what TLS showed, and has proved that the peer has the key of its first certificate.
#pragma once

#include "pki/certificate.h"

#include <string>
#include <vector>

namespace berth::provisioning {

struct caller {
    std::vector<pki::certificate> chain;  // as the peer sent it, leaf first; empty: none
    std::string address;                  // of the peer, without a port; empty: not known
    std::string scope;                    // the id scope that it named
    std::string token = {};               // over HTTPS, of who shows no certificate: what stands in Authorization
};

}  // namespace berth::provisioning
