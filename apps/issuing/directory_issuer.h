// A profile of a directory of CAs as the one who issues orders: what `berth ca` does to its records reaches what was onboarded.
#pragma once

#include "base/random.h"
#include "roles/order_issuer.h"
#include "setup/ca_directory.h"

namespace berth::app {

class directory_issuer final : public order_issuer {
public:
    struct surroundings {
        const clock& time;
        random_source& random;
        // Before the records are written to: whoever serves the same directory in this process ends its transaction. May be
        // empty.
        std::function<void()> make_way = {};
        // Held as long as the directory is open: by it others see that it is.
        std::shared_ptr<const std::filesystem::path> open_here = {};
    };
    // `domain`: Z2. Errors of the directory; `unknown_profile`, `unknown_authority`; `bad_config`: a profile that gives devices
    // nothing on proof of their IDevID, or something else than a device's certificate; those of pki::verify_chain for the CA.
    static result<std::unique_ptr<directory_issuer>> open(const ca_config& config, const pki::certificate& domain,
                                                          surroundings around, store::opening how);

    void issue(const onboarding::certificate_order& order, std::function<void(answer)> then) override;
    [[nodiscard]] std::string profile() const override { return "ca.toml:" + profile_.name; }
    result<bool> has_ended(const onboarding::issued_certificate& c) override;
    result<void> publish(registry::registrar_registry& registry) override;
    [[nodiscard]] bool publishes_as(const order_issuer& other) const override;

private:
    directory_issuer(ca_directory directory, ca::profile profile, ca::issuer issuer, pki::trust_store domain, surroundings around)
        : directory_(std::move(directory)),
          profile_(std::move(profile)),
          issuer_(std::move(issuer)),
          domain_(std::move(domain)),
          around_(std::move(around)) {}
    result<onboarding::issued_certificate> issue_one(const onboarding::certificate_order& order,
                                                     const onboarding::certificate_order_item& item);
    void make_way() const {
        if (around_.make_way) {
            around_.make_way();
        }
    }

    ca_directory directory_;
    ca::profile profile_;
    ca::issuer issuer_;
    pki::trust_store domain_;
    surroundings around_;
    std::set<bytes> told_;  // serial numbers that the records know to be revoked
};

}  // namespace berth::app
