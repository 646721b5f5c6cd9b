// What goes with a certificate that an EST server has issued: the server sends it alone.
#pragma once

#include "pki/certificate.h"

#include <span>

namespace berth::app {

// The leaf and those between it and a root, as far as `cas` (what cacerts has told) has them.
std::vector<pki::certificate> issued_chain(const pki::certificate& leaf, std::span<const pki::certificate> cas);

}  // namespace berth::app
