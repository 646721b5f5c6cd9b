// Step S12 as a question to the customer's CA, embedded or foreign.
#pragma once

#include "onboarding/registrar/records.h"

namespace berth::onboarding {

// One certificate to be issued; possession of its key was proved before the order was made.
struct certificate_order_item {
    std::string name;
    credential_kind kind = credential_kind::signature;
    bytes spki;     // DER SubjectPublicKeyInfo
    bytes request;  // the PKCS#10, for kind signature
};

struct certificate_order {
    device_identity device;
    std::string log_id;
    std::vector<certificate_order_item> items;
};

}  // namespace berth::onboarding
