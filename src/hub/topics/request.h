// What devices ask of their hub over MQTT, in topics that have no name of a device in them: "$iothub/twin/GET/?$rid=1". Whose it
// is is known from the session. The answer goes to "$iothub/WHAT/res/STATUS/?$rid=1".
//
// Topics: "Communicate with your IoT hub using the MQTT protocol", Azure IoT Hub documentation.
#pragma once

#include "hub/carrier/carried.h"

namespace berth::hub {

struct hub_request {
    enum class kind : uint8_t { get_twin, report, issue_certificate } what = kind::get_twin;
    std::string rid;  // as it was sent, of characters that mean nothing in topics; 1 to 128

    // Of the service that it asks: "twin", "credentials".
    [[nodiscard]] std::string_view service() const { return what == kind::issue_certificate ? "credentials" : "twin"; }
    // "$iothub/twin/res/200/?$rid=1"; `more` comes behind it: "$version=2".
    [[nodiscard]] std::string answer_topic(unsigned status, std::string_view more = {}) const;
};

// Whether a text of a device's may come back in a topic: 1 to 128 characters, none of which means something there.
bool stands_for_itself(std::string_view text);

// Nothing: it is none, or has no $rid to be answered by.
std::optional<hub_request> parse_hub_request(std::string_view topic);

}  // namespace berth::hub
