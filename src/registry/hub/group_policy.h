// What the devices and modules of a group may do once they are in (row B8): which of the doors that every one of them has are
// open, and which topics it has besides. Whoever is in no group is in "default"; what nobody has said anything of has all doors
// and nothing besides.
#pragma once

#include "registry/hub/identity.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace berth::registry {

// What a policy may grant or withhold, each for itself.
enum class operation : uint8_t {
    telemetry,        // device to cloud
    cloud_to_device,  // messages to it
    twin,             // its own: read, report, be told
    methods,          // be called, and answer
    credentials,      // another certificate over the session
    file_upload,      // HTTPS only
};
inline constexpr size_t operations = 6;
// "telemetry", "cloud-to-device", "twin", "methods", "credentials", "file-upload".
std::string_view to_string(operation o);
std::optional<operation> operation_from(std::string_view text);

class operation_set {
public:
    static operation_set all() { return operation_set((1U << operations) - 1); }
    static operation_set none() { return operation_set(0); }
    // As number() gave it; what it does not know is left out.
    static operation_set from(uint32_t number) { return operation_set(number & all().bits_); }
    void add(operation o) { bits_ |= bit(o); }
    [[nodiscard]] bool has(operation o) const { return (bits_ & bit(o)) != 0; }
    [[nodiscard]] uint32_t number() const { return bits_; }
    [[nodiscard]] std::vector<std::string> names() const;
    friend bool operator==(const operation_set&, const operation_set&) = default;

private:
    explicit operation_set(uint32_t bits) : bits_(bits) {}
    static constexpr uint32_t bit(operation o) { return 1U << static_cast<unsigned>(o); }
    uint32_t bits_;
};

inline constexpr std::string_view default_group = "default";
inline constexpr size_t most_grants = 32;  // of either kind
inline constexpr size_t most_grant_octets = 256;
inline constexpr size_t most_group_policies = 1'000;

struct group_policy {
    std::string group;  // "default": of those in no group, and of those in a group without a policy
    operation_set allowed = operation_set::all();
    // Topics besides its own, as MQTT filters in which {device} and {module} stand for its names: what it may publish to; what a
    // subscription of its may take in.
    std::vector<std::string> publish, subscribe;
    friend bool operator==(const group_policy&, const group_policy&) = default;
};

// Error `bad_policy` (usage), param "member": a group's name that is none; more grants than most_grants, or one that is no
// filter, is too long, is the hub's own ("$", "devices/"), or has braces around anything else.
result<void> check_policy(const group_policy& p);

}  // namespace berth::registry
