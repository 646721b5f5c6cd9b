#pragma once
#include "factory/messages/common.h"

namespace berth::factory {

struct recovery_claim {
    uint16_t version = factory_version;
    serial_field serial;
    chain_field identity;                    // the IDevID-signature certificate that it has still, leaf first
    wire::list<der_field, 0, 32770> former;  // the IDevID-KEM certificate that is of no use any more; none: it is not known
    wire::opaque<1, 262144> request;         // unit_request
    BERTH_FIELDS(version, serial, identity, former, request)
};

// 0, device to issuer: "I was made before, and have lost my KEM key".
struct recovery_request {
    recovery_claim claim;
    signature_field signature;  // by the identity's key over "berth recovery request 1" and the claim's octets
    BERTH_FIELDS(claim, signature)
};

}  // namespace berth::factory
