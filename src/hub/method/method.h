// Direct methods: a back end calls a device by a name, with a payload, and waits for what it says.
//
//   POST /twins/{id}/methods                                  {"methodName": "reboot", "payload": ..., ...}
//   $iothub/methods/POST/reboot/?$rid=2f                      the device is told; the body is the payload
//   $iothub/methods/res/200/?$rid=2f                          and answers
//   200 {"status": 200, "payload": ...}
//
// Shapes: "Understand and invoke direct methods from IoT Hub", Azure IoT Hub documentation.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "wire/json.h"

#include <optional>
#include <string>
#include <string_view>

namespace berth::hub {

inline constexpr size_t most_method_name = 100;
inline constexpr size_t most_method_payload = 128 * 1024;                   // octets of JSON, either way
inline constexpr size_t most_method_body = most_method_payload + 2 * 1024;  // of a request
inline constexpr int least_method_wait = 5, most_method_wait = 300;         // seconds for the answer
inline constexpr int most_method_connect_wait = 300;                        // seconds until the device is there

// As long as a call may last, and some: what serves it must wait that long for its answer.
inline constexpr milliseconds longest_call = 1'000 * milliseconds(most_method_wait + most_method_connect_wait) + 10'000;

struct method_request {
    std::string name;
    std::string payload = "null";  // JSON; SDKs read a body always
    int answer_within = 30;        // seconds, from when the device is told
    int connect_within = 0;        // seconds, until it is there; 0: it must be there

    // Errors (usage) `bad_method_request`, param "member"; those of JSON.
    static result<method_request> parse(std::string_view json);
};

// 1 to 100 characters that stand for themselves in a topic: ASCII letters, digits and - . _ ~ : % ! * ' ( ) , = @ $. Error
// `bad_method_request`.
result<void> check_method_name(std::string_view name);
// "$iothub/methods/POST/reboot/?$rid=2f"
std::string method_topic(std::string_view name, uint64_t number);

// What a device answers to.
struct method_answer {
    uint64_t number = 0;
    uint32_t status = 0;  // the device's own; SDKs put those of HTTP there
};
// "$iothub/methods/res/200/?$rid=2f"; nothing: it is none.
std::optional<method_answer> parse_method_answer(std::string_view topic);

// {"status":..., "payload":...}; an empty payload is null. Error `bad_method_answer` (peer): not JSON, more than 100 levels.
result<std::string> method_result(uint32_t status, std::string_view payload);

}  // namespace berth::hub
