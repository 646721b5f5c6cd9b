// What every CA's answer is judged by before it is handed to a device.
#pragma once

#include "onboarding/registrar/order.h"
#include "pki/certificate.h"
#include "pki/trust.h"

namespace berth::app {

// `leaf` was issued for this item of the order: it has the item's key, names this device and its maker, is a device's certificate
// and nothing else, and leads to the customer's root over `known` or what the store has. Errors (peer) `wrong_key`,
// `wrong_device`, bad_profile, those of pki::verify_chain.
struct granted_by {
    const pki::trust_store& domain;
    std::string profile;
    unix_seconds now = 0;
};
result<onboarding::issued_certificate> judge_granted(const pki::certificate& leaf, std::span<const pki::certificate> known,
                                                     const onboarding::device_identity& device,
                                                     const onboarding::certificate_order_item& item, const granted_by& by);

}  // namespace berth::app
