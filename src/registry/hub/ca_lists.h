// What a registered CA has revoked: the newest of its lists, which whoever publishes it hands in again before it runs out.
// Without one nothing that the CA has issued is taken for revoked; with one that has run out nobody is let in by that CA.
#pragma once

#include "registry/hub/hub_registry.h"

#include <span>

namespace berth::registry {

inline constexpr size_t most_ca_list = 16 * 1024 * 1024;

// `file`: one list, PEM or DER, complete, and signed with that CA's key. The same one again changes nothing. Errors of
// require_ca; (usage) `bad_crl`, also where the CA may not sign lists or the list speaks of some certificates only;
// `unknown_crl_issuer`: it is another CA's; `crl_older` than the one that is there; `crl_expired`, `crl_not_yet_valid`: it would
// let nobody in; `duplicate_crl`.
result<pki::crl> take_list(hub_registry& hub, const std::string& name, bytes_view file, unix_seconds now);
// Of a CA below the registered one: `chain` is its certificate first, then those between it and the registered CA, which vouches
// for it by them. Errors also `not_below` (usage): it does not, param "reason"; `ca_unverified`; `crl_ambiguous`: the list does
// not say by which key it is signed (AKI), so that another CA of the same name, registered some day, would be judged by it;
// `too_many_lists`.
result<pki::crl> take_signer_list(hub_registry& hub, const std::string& name, std::span<const pki::certificate> chain,
                                  bytes_view file, unix_seconds now);
// Errors of require_ca; `crl_missing`.
result<void> forget_signer_list(hub_registry& hub, const std::string& name, const pki::certificate& signer);
// From now on it is as if it had revoked nothing. Error of require_ca; `crl_missing` (usage): there is none.
result<void> forget_list(hub_registry& hub, const std::string& name);

}  // namespace berth::registry
