// "Honoured or refused, never dropped": whether a certificate is what was asked for.
#pragma once

#include "pki/csr_contents.h"

namespace berth::est {

// Every name that was asked for is in the certificate (beside what the issuer adds), key usage is the one asked for, extended
// key usages and basic constraints too. Extensions of other kinds are between issuer and requester. Error not_honoured, with
// param "field".
result<void> check_honoured(const pki::csr_contents& asks, const pki::certificate& made);

}  // namespace berth::est
