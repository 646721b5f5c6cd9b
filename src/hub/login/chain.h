// What is found out of a peer's certificates while TLS shakes hands: whose they are, and who vouches for them. TLS itself has the
// proof that the peer has the leaf's key.
#pragma once

#include "hub/login/refusal.h"
#include "hub/login/trust.h"
#include "pki/verify.h"

#include <array>
#include <memory>
#include <optional>
#include <span>

namespace berth::hub {

// Where in a certificate the name of the device or module stands.
struct name_rule {
    // Also where the common name is none: a dNSName or URI "urn:berth:device:NAME" of the subject's alternative names, for names
    // of more than the 64 characters that a common name has room for.
    bool alternative_names = false;
};

// What a device's own certificate says of itself, whoever vouches for it. Errors (peer) `bad_certificate`: it is a CA's, or says
// that it is for something else; `bad_key_usage`.
result<void> check_login_leaf(const pki::certificate& leaf);
// The chain of a TLS client as a login judges it, up to an anchor of the store. Errors of check_login_leaf and
// pki::verify_client_chain.
result<pki::verified_chain> verify_login_chain(const pki::trust_store& store, std::span<const pki::certificate> leaf_first,
                                               unix_seconds now);

// Of one handshake. A leaf that no CA vouches for may still be one whose thumbprint is registered: that is for login.h to say.
struct judged_chain {
    std::array<uint8_t, 32> thumbprint{};
    std::string subject, serial;                  // for logs
    std::optional<registry::identity_name> name;  // that the certificate bears
    std::optional<std::array<uint8_t, 32>> ca;    // SHA-256 of the registered CA's certificate
    std::optional<login_refusal> refusal;         // why no CA vouches for it
    std::string why;                              // the same as a sentence, for logs
    std::vector<listed_certificate> path;         // up to the CA, which is not among them; of one that a CA vouches for
    std::optional<uint32_t> epoch;                // nothing: it has none
    unix_seconds not_before = 0, not_after = 0;   // of the leaf; of the chain's earliest end where a CA vouches for it
    // DER, leaf first, as it was sent: of who asks a broker that carries it on. Null elsewhere.
    std::shared_ptr<const std::vector<bytes>> sent;
};

// `leaf_first` as the peer sent it. Never fails: what it finds is in the answer.
judged_chain judge_chain(const login_trust& trust, std::span<const pki::certificate> leaf_first, const name_rule& names,
                         unix_seconds now);

}  // namespace berth::hub
