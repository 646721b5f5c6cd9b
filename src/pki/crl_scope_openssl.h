// Internal: the scope of a revocation list as its extensions say it.
#pragma once

#include "pki/crl_scope.h"
#include "pki/extensions_openssl.h"

namespace berth::pki {

// Nothing: malformed, or a scope that we cannot judge by.
std::optional<crl_scope> read_scope(const X509_CRL* list);
// Error bad_template.
result<void> add_scope(X509_CRL* list, const crl_scope& scope);

}  // namespace berth::pki
