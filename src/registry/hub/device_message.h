// Messages to devices (cloud to device, row B5): a queue for each device, which back ends fill and the device empties; and the
// word of what became of them, for back ends that have asked for it. Limits and words are those of the service whose SDKs work
// against us unchanged.
//
// A message is enqueued; or invisible, while somebody has it and has not said what became of it; and then gone: completed, or
// dead-lettered for a reason. It comes at least once: whoever has been given one and is silent is given it again.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "registry/hub/identity.h"

#include <utility>
#include <vector>

namespace berth::registry {

inline constexpr size_t most_messages = 50;          // of one device, given ones included
inline constexpr size_t most_message = 64 * 1024;    // octets of body and properties
inline constexpr uint64_t most_deliveries = 10;      // then it is dead-lettered
inline constexpr unix_seconds message_life = 3'600;  // where its sender says nothing
inline constexpr unix_seconds most_message_life = 2 * 86'400;
inline constexpr unix_seconds message_lock = 60;  // so long whoever has it may be silent
inline constexpr size_t most_message_text = 128;  // characters of an id
inline constexpr size_t most_message_properties = 64;

// Which endings its sender wants to be told of.
enum class message_ack : uint8_t { none, positive, negative, full };
std::string_view to_string(message_ack a);
std::optional<message_ack> message_ack_from(std::string_view text);

enum class message_end : uint8_t { success, expired, delivery_count_exceeded, rejected, purged };
// "Success", "Expired", "DeliveryCountExceeded", "Rejected", "Purged".
std::string_view to_string(message_end e);
std::optional<message_end> message_end_from(std::string_view text);
// Whether who asked for `a` is told of `e`.
bool wants(message_ack a, message_end e);

using message_properties = std::vector<std::pair<std::string, std::string>>;

struct device_message {
    uint64_t number = 0;  // of the store, going up: the order in which they come
    std::string device;
    uint64_t generation = 0;  // of the identity
    unix_seconds enqueued = 0, expires = 0;
    message_ack ack = message_ack::none;
    std::string id, correlation, content_type, content_encoding;  // empty: it has none
    message_properties properties;
    bytes body;
    // ---- as it stands
    uint64_t deliveries = 0;
    unix_seconds locked_until = 0;  // 0: enqueued; else invisible until then
    std::string lock;               // the token of who received it over HTTPS; empty: nobody has, or it was given over MQTT

    [[nodiscard]] bool is_waiting() const { return locked_until == 0; }
    friend bool operator==(const device_message&, const device_message&) = default;
};

// Of what a back end sends. Errors (usage) `bad_message`, param "member": an id that is too long or has other than printable
// ASCII; a name of a property that is empty, twice there, or the hub's own ("$...", "iothub-..."); control characters; an expiry
// that is over, or more than two days away. `too_large`.
result<void> check_message(const device_message& m, unix_seconds now);

struct message_feedback {
    uint64_t number = 0;
    std::string original_id;
    message_end end = message_end::success;
    std::string device;
    uint64_t generation = 0;
    unix_seconds at = 0;
    friend bool operator==(const message_feedback&, const message_feedback&) = default;
};

struct queue_facts {
    uint64_t waiting = 0, given = 0;
    unix_seconds oldest = 0;  // when it was enqueued; 0: the queue is empty
};

// What came of an ending or a giving, for metrics: "enqueued", "delivered", "completed", "expired", ...
struct message_count {
    std::string event;
    uint64_t count = 0;
};

class message_registry {
public:
    virtual ~message_registry() = default;

    // ---- of back ends
    // Its number; generation and deliveries are the store's to set. Errors (peer) `unknown_identity`; `queue_full`.
    virtual result<uint64_t> enqueue(const device_message& fresh) = 0;
    // In order; those that are given, too, and bodies.
    virtual result<std::vector<device_message>> queue_of(const std::string& device, size_t most = most_messages) = 0;
    virtual result<queue_facts> facts_of(const std::string& device) = 0;
    // All of the device's, given or not; how many.
    virtual result<uint64_t> purge(const std::string& device, unix_seconds now) = 0;

    // ---- of a device
    // The next one that waits, for a minute: `lock` must be given to say what became of it.
    virtual result<std::optional<device_message>> receive(const std::string& device, const std::string& lock,
                                                          unix_seconds now) = 0;
    // Errors (peer) `message_lock_lost`: there is none that is locked so (any longer).
    virtual result<void> complete(const std::string& device, const std::string& lock, unix_seconds now) = 0;
    virtual result<void> reject(const std::string& device, const std::string& lock, unix_seconds now) = 0;
    virtual result<void> abandon(const std::string& device, const std::string& lock, unix_seconds now) = 0;
    // By their numbers, of who gives them without locks (MQTT): given, so that a minute of silence ends that; taken; brought
    // back; refused. One that is gone is passed over.
    virtual result<void> note_given(const std::string& device, uint64_t number, unix_seconds now) = 0;
    virtual result<void> complete(const std::string& device, uint64_t number, unix_seconds now) = 0;
    virtual result<void> bring_back(const std::string& device, uint64_t number, unix_seconds now) = 0;
    virtual result<void> reject(const std::string& device, uint64_t number, unix_seconds now) = 0;

    // ---- feedback, in order: some of what is not locked, under one lock of a minute; empty: there is none
    virtual result<std::vector<message_feedback>> receive_feedback(const std::string& lock, size_t most, unix_seconds now) = 0;
    // Error (peer) `message_lock_lost`.
    virtual result<void> complete_feedback(const std::string& lock, unix_seconds now) = 0;
    virtual result<void> abandon_feedback(const std::string& lock, unix_seconds now) = 0;

    // What time has done: locks that have lapsed, messages and feedback that are over. True: there may be more than `most`.
    virtual result<bool> sweep(unix_seconds now, size_t most) = 0;
    virtual result<std::vector<message_count>> counts() = 0;
};

}  // namespace berth::registry
