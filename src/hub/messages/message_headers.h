// Messages to devices as HTTP carries them: the body, and all else in header fields, named as the service names them whose SDKs
// work against us unchanged: iothub-messageid, iothub-correlationid, iothub-expiry, iothub-ack, iothub-app-NAME.
#pragma once

#include "base/random.h"
#include "registry/hub/device_message.h"

namespace berth::hub {

using message_fields = std::vector<std::pair<std::string, std::string>>;

// Whether a field of a request is one that message_from() reads: names compare without case.
bool is_message_field(std::string_view name);

// What a back end sends; an id is drawn where it gives none. Errors of check_sendable(); `bad_message` of a field that cannot be
// read.
result<registry::device_message> message_from(const std::string& device, const message_fields& fields, std::string_view body,
                                              random_source& random, unix_seconds now);
// What a device is given, without ETag.
message_fields fields_of(const registry::device_message& m);

// Drawn: "5f0c1b1e-...", 122 bits that nobody guesses.
std::string draw_token(random_source& random);

}  // namespace berth::hub
