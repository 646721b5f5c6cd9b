// Whose request it is, of those that a device makes once it has its IDevID: its chain, and its key's signature.
#pragma once

#include "crypto/sign.h"
#include "factory/messages/common.h"
#include "pki/verify.h"

namespace berth::factory {

// What is signed: a context that no other message has, and the octets.
bytes signed_octets(std::string_view context, bytes_view octets);

// The chain of an IDevID-signature certificate, to the roots of `maker` and held against its revocation lists. Errors those of
// pki::verify_chain; bad_profile: it is no IDevID-signature certificate; bad_serial: it is another device's.
result<pki::verified_chain> verify_identity(const chain_field& chain, std::string_view serial, const pki::trust_store& maker,
                                            unix_seconds now);

// Error bad_signature: not made by the key of `leaf`, or over something else.
result<void> check_identity_signature(const pki::certificate& leaf, std::string_view context, bytes_view octets,
                                      const signature_field& signature);

// A chain as it is sent: its root left out.
chain_field sent_chain(std::span<const pki::certificate> leaf_first);
result<std::vector<pki::certificate>> parse_chain(std::span<const der_field> field);

}  // namespace berth::factory
