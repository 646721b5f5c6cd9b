// Chains of TLS clients whose makers we do not choose.
#pragma once

#include "pki/verify.h"

namespace berth::pki {

// As verify_chain() with leaf_rule::signature. With options.allow_rsa the leaf's key may also be RSA of 2048 bits or more, with
// which a client signs in TLS (RFC 8446 4.4.3), and need not be one that Berth itself has a use for.
result<verified_chain> verify_client_chain(const trust_store& store, std::span<const certificate> leaf_first,
                                           const verify_options& options);

}  // namespace berth::pki
