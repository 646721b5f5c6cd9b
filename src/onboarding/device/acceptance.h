// Step S14: the device accepts a grant, or says which sentence of docs/onboarding.md section 4 it breaks.
#pragma once

#include "base/clock.h"
#include "onboarding/device/credential.h"
#include "onboarding/identity.h"
#include "onboarding/kk3.h"
#include "onboarding/messages/grant.h"
#include "pki/verify.h"

#include <span>
#include <vector>

namespace berth::onboarding {

// All that a device may install. The only way to one is accept_grant(): whoever holds it knows that S14 held.
class accepted_grant {
public:
    struct credential {
        std::string name;
        std::vector<pki::certificate> chain;  // leaf first
    };
    accepted_grant(accepted_grant&&) noexcept = default;
    accepted_grant& operator=(accepted_grant&&) noexcept = default;
    accepted_grant(const accepted_grant&) = delete;
    accepted_grant& operator=(const accepted_grant&) = delete;

    [[nodiscard]] const pki::certificate& domain_root() const { return domain_root_; }
    [[nodiscard]] const std::string& customer() const { return customer_; }
    [[nodiscard]] const std::vector<credential>& credentials() const { return credentials_; }
    [[nodiscard]] const std::string& configuration() const { return configuration_; }  // JSON or empty
    [[nodiscard]] const std::string& manufacturer_configuration() const { return manufacturer_configuration_; }
    [[nodiscard]] unix_seconds issued_at() const { return issued_at_; }  // to be persisted as the last known time

private:
    friend class grant_judge;
    explicit accepted_grant(pki::certificate root) : domain_root_(std::move(root)) {}
    pki::certificate domain_root_;
    std::string customer_;
    std::vector<credential> credentials_;
    std::string configuration_;
    std::string manufacturer_configuration_;
    unix_seconds issued_at_ = 0;
};

// What the device knows when a grant comes.
struct grant_context {
    const device_identity& identity;
    const kk3_keys& k3;
    bytes_view bi1;                                     // the octets that it sealed
    const authorization_info& asked;                    // what they say
    milliseconds since_bi1 = 0;                         // by the monotonic clock
    unix_seconds earliest = 0;                          // its firmware's build or its last persisted time
    std::span<const pki::certificate> registrar_chain;  // KK2's, provisional until now
    std::span<const device_credential> credentials;     // exactly what was asked for
};

// Errors: authorization_mismatch, voucher_invalid, voucher_expired, domain_chain_invalid, not_a_registrar,
// certificate_key_mismatch, malformed.
result<accepted_grant> accept_grant(const grant& g, const grant_context& context);

// "BI1 is at most 10 minutes old by the monotonic clock"
inline constexpr milliseconds most_bi1_age = 10 * 60 * 1000;

}  // namespace berth::onboarding
