#pragma once
#include "factory/messages/common.h"

namespace berth::factory {

// 2, the customer's CA to the device: its LDevID certificate, leaf first, root omitted.
struct ldevid_grant {
    uint16_t version = factory_version;
    serial_field serial;
    hash_field request_hash{};  // SHA-256 of the ldevid_request's octets
    chain_field ldevid;
    BERTH_FIELDS(version, serial, request_hash, ldevid)
};

}  // namespace berth::factory
