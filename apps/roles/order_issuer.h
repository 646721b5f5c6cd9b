// Who issues what devices are granted: step S12, asked of the customer's CA wherever that is.
#pragma once

#include "base/clock.h"
#include "onboarding/registrar/order.h"
#include "registry/registrar_registry.h"
#include "roles/config.h"

#include <functional>

namespace berth::app {

class order_issuer {
public:
    virtual ~order_issuer() = default;

    using answer = result<std::vector<onboarding::issued_certificate>>;
    // All certificates of one order, or an error that is a refusal. `then` is called once, before this returns or later on the
    // loop, and not at all if the issuer goes first. What can be mended by waiting is no refusal: the answer just takes longer.
    // An order for keys that are asked about already joins that one: whoever comes again does not make the CA issue twice.
    virtual void issue(const onboarding::certificate_order& order, std::function<void(answer)> then) = 0;
    // Orders that were not answered yet.
    [[nodiscard]] virtual size_t under_way() const { return 0; }

    // What a certificate that is used again must have been issued by.
    [[nodiscard]] virtual std::string profile() const = 0;
    // Whether the CA has ended a certificate without a word of the registrar.
    virtual result<bool> has_ended(const onboarding::issued_certificate& /*c*/) { return false; }

    // Whatever the registrar has revoked is told to those who ask about certificates. Done at start, when something was revoked,
    // and every publishes_every() seconds.
    virtual result<void> publish(registry::registrar_registry& registry) = 0;
    [[nodiscard]] virtual unix_seconds publishes_every() const { return never; }
    // Its own list, if it has one: where, and when it expires.
    using list_of_its_own = std::optional<std::pair<std::filesystem::path, unix_seconds>>;
    [[nodiscard]] virtual list_of_its_own own_list() const { return std::nullopt; }
    // Whether what the other has published is as good as published by this one.
    [[nodiscard]] virtual bool publishes_as(const order_issuer& other) const = 0;

protected:
    static constexpr unix_seconds never = 1LL << 40;
};

// Opens the one that [ca] says. Errors of files, keys and settings.
using issuer_opener = std::function<result<std::unique_ptr<order_issuer>>(const registrar_config&, const ca_config&)>;

}  // namespace berth::app
