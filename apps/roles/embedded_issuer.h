// The embedded CA as the one who issues orders: at once, and with a revocation list of its own.
#pragma once

#include "base/random.h"
#include "roles/embedded_ca.h"
#include "roles/order_issuer.h"

namespace berth::app {

class embedded_issuer final : public order_issuer {
public:
    embedded_issuer(embedded_ca ca, const clock& time, random_source& random)
        : ca_(std::move(ca)), clock_(time), random_(random) {}

    void issue(const onboarding::certificate_order& order, std::function<void(answer)> then) override;
    [[nodiscard]] std::string profile() const override { return ca_.profile(); }
    result<void> publish(registry::registrar_registry& registry) override { return ca_.publish_crl(registry, clock_); }
    [[nodiscard]] unix_seconds publishes_every() const override { return embedded_ca::crl_lifetime / 2; }
    [[nodiscard]] list_of_its_own own_list() const override;
    [[nodiscard]] bool publishes_as(const order_issuer& other) const override;

private:
    embedded_ca ca_;
    const clock& clock_;
    random_source& random_;
};

// For whoever needs no other kind. Errors of embedded_ca::open(); `bad_config`: [ca] names another kind.
issuer_opener embedded_only(const clock& time, random_source& random);

}  // namespace berth::app
