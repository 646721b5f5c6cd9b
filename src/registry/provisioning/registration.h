// What became of one device that registered, and the hubs that devices are sent to.
#pragma once

#include "registry/provisioning/enrolment.h"

namespace berth::registry {

enum class registration_status : uint8_t { assigned, failed, disabled };
// "assigned", "failed", "disabled", as the service's JSON has it.
std::string_view to_string(registration_status s);
std::optional<registration_status> registration_status_from(std::string_view text);

// "initialAssignment", "deviceDataMigrated", "deviceDataReset", "reprovisionedToInitialAssignment".
enum class registration_detail : uint8_t { first, migrated, reset, again };
std::string_view to_string(registration_detail d);
std::optional<registration_detail> registration_detail_from(std::string_view text);

struct registration {
    std::string id;  // as the device says it; compared without case
    enrolment_kind via = enrolment_kind::individual;
    std::string enrolment;  // its id
    registration_status status = registration_status::assigned;
    registration_detail detail = registration_detail::first;
    std::string device_id;
    std::string hub;            // host[:port]
    uint64_t generation = 0;    // of the identity that its enrolment made here; 0: none, or it found another's and left it
    thumbprint certificate{};   // that it showed
    std::string operation;      // whose outcome this is, so that it can be told after a restart; empty: it cannot
    std::string payload;        // JSON that a webhook gave for the device; empty: none
    uint32_t error_code = 0;    // of failed
    std::string error_message;  // of failed
    unix_seconds created = 0;
    unix_seconds changed = 0;
    uint64_t version = 0;

    [[nodiscard]] std::string etag() const;
    friend bool operator==(const registration&, const registration&) = default;
};

inline constexpr uint32_t most_hub_weight = 1'000;

// A hub that devices can be sent to.
struct linked_hub {
    std::string host;               // host[:port], as devices are told
    uint32_t weight = 1;            // 1 to 1000: its share of what is hashed
    bool local = false;             // the one whose registry this is: identities are made in it
    std::vector<std::string> near;  // "10.0.0.0/8": addresses of peers that are near it
    unix_seconds added = 0;
    friend bool operator==(const linked_hub&, const linked_hub&) = default;
};

// Error `bad_linked_hub` (usage), param "member": no host name or address with an optional port, a weight out of range, a
// prefix that is none.
result<void> check_linked_hub(const linked_hub& hub);

// An address prefix of IPv4 or IPv6.
struct address_prefix {
    std::array<uint8_t, 16> octets{};  // IPv4 mapped into IPv6
    unsigned bits = 0;                 // of 128
    // "10.0.0.0/8", "2001:db8::/32", or one address. Nothing: it is none, or has bits behind the prefix.
    static std::optional<address_prefix> parse(std::string_view text);
    [[nodiscard]] bool holds(const address_prefix& address) const;
};

}  // namespace berth::registry
