// The customer's issuing CA inside berthd: step S12 without another server.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "keystore/key.h"
#include "onboarding/registrar/order.h"
#include "pki/certificate.h"
#include "pki/crl.h"
#include "registry/registrar_registry.h"
#include "roles/config.h"

namespace berth::app {

// [ca] crl names what may be written over: nothing, or a revocation list. Error `file_exists`.
result<void> require_list_or_nothing(const std::filesystem::path& file);

class embedded_ca {
public:
    // Errors of files and keys; `issuer_key_mismatch`, `bad_profile`.
    static result<embedded_ca> open(const ca_config& config);

    // All certificates of one order, or none. Each is short-lived: from a minute ago for the profile's lifetime, never
    // longer than the issuer's own.
    result<std::vector<onboarding::issued_certificate>> issue(const onboarding::certificate_order& order, const clock& time,
                                                              random_source& random) const;
    static constexpr unix_seconds crl_lifetime = 7 * 24 * 3600;  // renewed at half of it
    // The CRL over what the registry says is revoked, written to the profile's file. Nothing to do without one.
    result<void> publish_crl(registry::registrar_registry& registry, const clock& time) const;
    // The list that lies in its file now, if it is this CA's.
    [[nodiscard]] std::optional<pki::crl> last() const;
    [[nodiscard]] const std::filesystem::path& crl_file() const { return config_.crl; }
    // Whether the other's list is this one's: of the same issuer, in the same file.
    [[nodiscard]] bool publishes_as(const embedded_ca& other) const;
    [[nodiscard]] const std::string& profile() const { return config_.profile; }

private:
    embedded_ca(ca_config config, std::vector<pki::certificate> chain, keystore::signing_key_ptr key)
        : config_(std::move(config)), chain_(std::move(chain)), key_(std::move(key)) {}
    ca_config config_;
    std::vector<pki::certificate> chain_;  // the issuing CA, then what is between it and the root
    keystore::signing_key_ptr key_;
};

}  // namespace berth::app
