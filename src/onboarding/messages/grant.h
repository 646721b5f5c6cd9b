#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

struct issued_credential {
    name_field name;
    chain_field chain;
    BERTH_FIELDS(name, chain)
};

// 6, KK2, registrar to device (step S13): BI5, the voucher, the certificates Z6 and the customer's configuration.
struct grant {
    wire::opaque<1, 1024> bi5;
    wire::opaque<1, 65535> sealed_voucher;
    wire::list<issued_credential, 1, 262143> issued;
    wire::opaque<0, 65535> configuration;  // JSON
    BERTH_FIELDS(bi5, sealed_voucher, issued, configuration)
};

}  // namespace berth::onboarding
