#include "authkem/alert.h"

namespace berth::authkem {

namespace {

struct named {
    alert value;
    std::string_view name;
};

constexpr std::array names{
    named{alert::close_notify, "close_notify"},
    named{alert::unexpected_message, "unexpected_message"},
    named{alert::bad_record_mac, "bad_record_mac"},
    named{alert::record_overflow, "record_overflow"},
    named{alert::handshake_failure, "handshake_failure"},
    named{alert::bad_certificate, "bad_certificate"},
    named{alert::unsupported_certificate, "unsupported_certificate"},
    named{alert::certificate_revoked, "certificate_revoked"},
    named{alert::certificate_expired, "certificate_expired"},
    named{alert::certificate_unknown, "certificate_unknown"},
    named{alert::illegal_parameter, "illegal_parameter"},
    named{alert::unknown_ca, "unknown_ca"},
    named{alert::access_denied, "access_denied"},
    named{alert::decode_error, "decode_error"},
    named{alert::decrypt_error, "decrypt_error"},
    named{alert::protocol_version, "protocol_version"},
    named{alert::insufficient_security, "insufficient_security"},
    named{alert::internal_error, "internal_error"},
    named{alert::user_canceled, "user_canceled"},
    named{alert::missing_extension, "missing_extension"},
    named{alert::unsupported_extension, "unsupported_extension"},
    named{alert::unrecognized_name, "unrecognized_name"},
    named{alert::certificate_required, "certificate_required"},
    named{alert::no_application_protocol, "no_application_protocol"},
};

// Whose fault an alert tells of: these say that the two ends have nothing in common.
error_category category_of(alert a) {
    switch (a) {
    case alert::handshake_failure:
    case alert::protocol_version:
    case alert::insufficient_security:
    case alert::no_application_protocol: return error_category::incompatible;
    case alert::internal_error: return error_category::internal;
    default: return error_category::peer;
    }
}

}  // namespace

std::string_view name_of(alert a) {
    for (const named& n : names) {
        if (n.value == a) {
            return n.name;
        }
    }
    return "unknown";
}

std::optional<alert> alert_from_name(std::string_view name) {
    for (const named& n : names) {
        if (n.name == name) {
            return n.value;
        }
    }
    return std::nullopt;
}

std::array<uint8_t, 2> encode_alert(alert a) {
    constexpr uint8_t warning = 1;
    constexpr uint8_t fatal = 2;
    return {a == alert::close_notify ? warning : fatal, static_cast<uint8_t>(a)};
}

result<alert> decode_alert(bytes_view content) {
    // RFC 8446 5.1: "a record with an Alert type MUST contain exactly one message."
    if (content.size() != 2) {
        return refuse(alert::decode_error, "malformed_alert",
                      "the peer sent an alert record of " + std::to_string(content.size()) + " octets instead of 2");
    }
    return static_cast<alert>(content[1]);
}

tl::unexpected<error> refuse(alert a, std::string name, std::string message) {
    return refuse(a, error{category_of(a), std::move(name), std::move(message)});
}

tl::unexpected<error> refuse(alert a, error e) {
    return fail(std::move(e).with("alert", std::string(name_of(a))));
}

alert alert_for(const error& e) {
    for (const auto& [key, value] : e.params) {
        if (key == "alert") {
            return alert_from_name(value).value_or(alert::internal_error);
        }
    }
    return alert::internal_error;
}

}  // namespace berth::authkem
