// Alerts (RFC 8446 section 6), and the errors of this folder, each of which knows the alert that tells the
// peer.
#pragma once

#include "base/bytes.h"

#include <optional>

namespace berth::authkem {

enum class alert : uint8_t {
    close_notify = 0,
    unexpected_message = 10,
    bad_record_mac = 20,
    record_overflow = 22,
    handshake_failure = 40,
    bad_certificate = 42,
    unsupported_certificate = 43,
    certificate_revoked = 44,
    certificate_expired = 45,
    certificate_unknown = 46,
    illegal_parameter = 47,
    unknown_ca = 48,
    access_denied = 49,
    decode_error = 50,
    decrypt_error = 51,
    protocol_version = 70,
    insufficient_security = 71,
    internal_error = 80,
    user_canceled = 90,
    missing_extension = 109,
    unsupported_extension = 110,
    unrecognized_name = 112,
    certificate_required = 116,
    no_application_protocol = 120,
};

// "bad_record_mac"; "alert_<code>" is spelt by the caller: this gives "unknown" for a code that is none of
// alert.
std::string_view name_of(alert a);
std::optional<alert> alert_from_name(std::string_view name);

// struct { AlertLevel level; AlertDescription description; } Alert;
//
// Profile 8: "alerts of level fatal except close_notify".
std::array<uint8_t, 2> encode_alert(alert a);

// The description of a received alert, its level ignored. RFC 8446 6: "Unknown Alert types MUST be treated as
// error alerts", so any code is a value. Error `malformed_alert`: not exactly two octets.
result<alert> decode_alert(bytes_view content);

// An error of the handshake with the alert that the peer is to get for it, kept as the parameter "alert".
tl::unexpected<error> refuse(alert a, std::string name, std::string message);
// The same for an error made elsewhere.
tl::unexpected<error> refuse(alert a, error e);
// The alert for an error; internal_error when it has none, since then the fault is ours.
alert alert_for(const error& e);

}  // namespace berth::authkem
