// Whom a broker believes at one moment: the CAs of the registry that count, and the lists of what they have revoked. Immutable: a
// change makes another one, which the next handshake takes; sessions that stand are judged again by it.
#pragma once

#include "pki/trust.h"
#include "registry/hub/hub_registry.h"

#include <map>
#include <span>

namespace berth::hub {

// A certificate of a chain that was judged: what a list can name.
struct listed_certificate {
    bytes serial;
    std::array<uint8_t, 32> issuer_key{};  // SHA-256 of its issuer's public key
    std::array<uint8_t, 32> sha256{};      // its own: a peer may send along others with its serial number
};

class login_trust {
public:
    // The registered CAs that count at `now`. CAs that do not are left out; a list whose issuer is none of
    // them, too. `signers`: below any of them; each speaks of what its key has signed, by whichever CA that is vouched for.
    // Errors of pki::trust_store::build.
    static result<login_trust> build(const std::vector<registry::registered_ca>& cas, const std::vector<pki::crl>& lists,
                                     unix_seconds now, std::span<const registry::signer_list> signers = {});

    // Null: no CA counts, and nobody is let in by one.
    [[nodiscard]] const pki::trust_store* store() const { return store_ ? &*store_ : nullptr; }
    // When it must be built anew, because a CA expires, retires or comes into force.
    [[nodiscard]] unix_seconds until() const { return until_; }
    // Whether one of these, leaf first, is on the list of its issuer; a chain that was judged before the list came.
    [[nodiscard]] std::optional<pki::revoked_entry> revoked(std::span<const listed_certificate> path) const;
    [[nodiscard]] size_t size() const { return store_ ? store_->anchors().size() : 0; }

private:
    std::optional<pki::trust_store> store_;
    std::map<std::array<uint8_t, 32>, pki::crl> lists_;  // by their issuers' keys
    unix_seconds until_ = pki::no_expiry;
};

}  // namespace berth::hub
