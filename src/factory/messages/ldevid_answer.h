#pragma once
#include "factory/messages/unit_answer.h"

namespace berth::factory {

// 1b, the device to the customer's CA.
struct ldevid_answer {
    uint16_t version = factory_version;
    serial_field serial;
    hash_field request_hash{};
    wire::opaque<1, 64> activated;
    certification ldevid_key;
    BERTH_FIELDS(version, serial, request_hash, activated, ldevid_key)
};

}  // namespace berth::factory
