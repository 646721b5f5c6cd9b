// Messages to devices and their feedback as JSON, for back ends and for `berth hub message`.
#pragma once

#include "registry/hub/device_message.h"
#include "wire/json.h"

namespace berth::hub {

// {"sequenceNumber": 7, "messageId": "...", "state": "enqueued", ..., "body": base64}
wire::json::object to_json(const registry::device_message& m);
// {"originalMessageId": "...", "statusCode": "Success", "deviceId", "deviceGenerationId", "enqueuedTimeUtc"}
wire::json::array to_json(const std::vector<registry::message_feedback>& some);

}  // namespace berth::hub
