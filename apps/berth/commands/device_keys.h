// Where a device's keys are: what berth device show tells of them.
#pragma once

#include "device/bundle.h"
#include "wire/json.h"

namespace berth::app {

struct device_key {
    std::string name;  // "p3", "p3-sig", "iak", of a credential its name
    std::string algorithm;
    std::string uri;
    std::string remark;             // what else there is to know; may be empty
    wire::json::object conditions;  // of a sealed seed
    bool credential = false;
};

// No chip is asked. Errors of files and of names.
result<std::vector<device_key>> keys_of(const device_bundle& bundle);

wire::json::array to_json(const std::vector<device_key>& keys);
// A line for each.
std::string to_text(const std::vector<device_key>& keys);

}  // namespace berth::app
