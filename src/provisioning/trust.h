// The registered CAs by which a chain can be taken in. Each is judged by itself, so that all certificates between a device and a
// root are known, also where one between them is registered as well.
#pragma once

#include "hub/login/trust.h"

namespace berth::provisioning {

// A certificate that vouches for a device, directly or through others.
struct issuer_above {
    size_t distance = 0;  // 1: has issued the leaf
    pki::certificate certificate;
};

class enrolment_trust {
public:
    // Errors of hub::login_trust::build.
    static result<enrolment_trust> build(std::vector<registry::registered_ca> cas, const std::vector<pki::crl>& lists,
                                         unix_seconds now, std::span<const registry::signer_list> signers = {});
    // Of all that vouch for the leaf up to a registered, verified CA in force, the nearest first. Error: why there is none, as
    // that of hub::verify_login_chain for a CA that its chain names; `unknown_issuer` if it names none.
    [[nodiscard]] result<std::vector<issuer_above>> issuers_of(std::span<const pki::certificate> leaf_first,
                                                               unix_seconds now) const;
    // Registrations of this certificate, or of another of the same subject and key; that of itself first. Also those that do not
    // count.
    [[nodiscard]] std::vector<const registry::registered_ca*> registrations_of(const pki::certificate& ca) const;
    // When it must be built anew.
    [[nodiscard]] unix_seconds until() const { return until_; }

private:
    std::vector<registry::registered_ca> all_;
    std::vector<hub::login_trust> single_;  // one CA each
    unix_seconds until_ = pki::no_expiry;
};

}  // namespace berth::provisioning
