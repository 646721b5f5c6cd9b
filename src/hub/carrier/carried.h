// What a broker's plugin carries to the service behind it, over a socket of the machine: messages of devices that want an answer,
// several at a time, and what is to be published for them. A broker answers nothing by itself but who may come in.
//
//   POST /broker/messages  [{"client":..., "user":..., "topic":..., "payload":base64, "from":address, "chain":[base64, ...]},
//   ...] 200                    [{"topic":..., "payload":base64, "more":[the like, ...]} or null, ...]     one for each, in their
//   order
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::hub {

inline constexpr std::string_view carrier_path = "/broker/messages";
inline constexpr size_t most_carried = 64;                       // messages of one request
inline constexpr size_t most_carried_more = 4;                   // answers behind the first one to a message
inline constexpr size_t most_carried_payload = 64 * 1024;        // octets of one payload
inline constexpr size_t most_carried_answer = 128 * 1024;        // octets of an answer's: a twin has two sections
inline constexpr size_t most_carried_chain = 128 * 1024;         // octets of one chain
inline constexpr size_t most_carried_octets = 24 * 1024 * 1024;  // of a request or answer

struct carried_message {
    std::string client;  // MQTT client id
    std::string user;    // MQTT user name
    std::string topic;
    bytes payload;
    std::string from;          // the peer's address
    std::vector<bytes> chain;  // DER, as it was sent in the handshake, leaf first; its key was proved to be the peer's
    friend bool operator==(const carried_message&, const carried_message&) = default;
};
struct carried_answer {
    std::string topic;
    bytes payload;
    std::vector<carried_answer> more = {};  // to be published behind it, of which none has more
    friend bool operator==(const carried_answer&, const carried_answer&) = default;
};

std::string to_text(const std::vector<carried_message>& messages);
std::string to_text(const std::vector<std::optional<carried_answer>>& answers);
// Errors (peer) `bad_json`, `duplicate_json_member`, `bad_base64`, `too_large`, `too_many_messages`.
result<std::vector<carried_message>> read_carried_messages(std::string_view text);
result<std::vector<std::optional<carried_answer>>> read_carried_answers(std::string_view text);

}  // namespace berth::hub
