// A party of a supply chain (docs/chain.md): its directory is one of CAs with one of them, and a journal of what it has done.
#pragma once

#include "setup/ca_directory.h"

#include <functional>

namespace berth::app {

inline constexpr const char* party_name = "signer";  // of the CA in its directory: signer.pem, signer.key or signer.uri
inline constexpr size_t most_signers = 8;            // between the first and a device: as many as a hub's login looks through

struct party_order {
    std::string organization;
    std::string common_name = {};  // empty: as the organisation
    crypto::signature_algorithm algorithm = crypto::signature_algorithm::ecdsa_p256_sha256;
    std::string key_uri = {};
    unix_seconds lifetime = 20 * one_year;  // of the first
};

// The first of a chain: its key and a certificate that it signs itself. Errors of make_authority.
result<pki::certificate> begin_chain(const ca_directory& in, const party_order& order, const clock& time, random_source& random);
// Anybody else: its key, and the request (PEM) for the one above. Errors of request_authority.
result<std::string> request_signing(const ca_directory& in, const party_order& order, const clock& time, random_source& random);
// What the one above has answered: its certificate first, then all above it up to the first. `first`: the first's certificate as
// it came on another way; it must be the one that the chain ends with (`other_root`). Errors also of accept_authority, and of
// pki::verify_chain: a path length or names that somebody above does not allow, times.
result<pki::certificate> accept_signing(const ca_directory& in, const std::vector<pki::certificate>& chain,
                                        const std::optional<pki::certificate>& first, const clock& time);

struct signing_order {
    bytes request;                              // PKCS#10, DER
    bool signer = false;                        // else a device
    std::string name = {};                      // of a device, in place of its request's subject
    uint32_t path_length = 0;                   // of a signer: how many may be below it
    pki::name_constraints names = {};           // of a signer: what those below it may be called
    std::optional<unix_seconds> lifetime = {};  // nothing: five years for signers, two for devices, or until the chain above ends
};
// The certificate, then all above it up to the first. What cannot stand is refused before anything is signed, and says what
// would: `path_too_long`, `name_constraint_violated`, `issuer_expires_first`, `bad_name` (usage): no device of a hub can be
// called so; `name_taken` (usage): a signer would be called like one above it; `not_signed_yet`: nobody has signed this party.
// Errors also of requests, of the journal (nothing is signed then) and of ca::issuer::issue.
result<std::vector<pki::certificate>> sign_below(const ca_directory& in, const signing_order& order, const clock& time,
                                                 random_source& random);

// The list of what this party has revoked; with `revoked` that one, a signer's or a device's, is on it, with all else that the
// party has signed for the same key. `publish` is given the list before the journal is written: an altered journal keeps nobody
// in, and its error comes after. The journal is told of all on the list that it does not tell yet. Errors `unknown_certificate`:
// it has not signed that one; of ca::make_list, `publish` and note_step.
result<pki::crl> list_revoked(const ca_directory& in, const std::optional<pki::certificate>& revoked,
                              pki::revocation_reason reason, unix_seconds lifetime, const clock& time,
                              const std::function<result<void>(const pki::crl&)>& publish = {});

}  // namespace berth::app
