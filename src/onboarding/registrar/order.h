// Step S12 as a question to the customer's CA, embedded or foreign.
#pragma once

#include "onboarding/registrar/records.h"
#include "pki/certificate.h"

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
    std::vector<pki::certificate> z3 = {};  // what the device has shown on KK2: its leaf, and the CAs up to its maker's root
    unix_seconds at = 0;                    // when it was made
};

}  // namespace berth::onboarding
