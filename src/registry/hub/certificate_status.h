// What a registered CA's OCSP responder says of certificates that the CA has issued: whether it is asked, and what it has said.
// berthd asks in the background and writes it down; brokers read, and wait for nobody.
#pragma once

#include "pki/ocsp.h"
#include "registry/hub/ca_registration.h"

#include <array>

namespace berth::registry {

struct ocsp_rule {
    std::string responder;       // http://...; empty: where each certificate says
    bool required = false;       // of whom nothing is known does not come in
    unix_seconds refresh = 600;  // so often it is asked of those who are in or were lately
    friend bool operator==(const ocsp_rule&, const ocsp_rule&) = default;
};
inline constexpr unix_seconds least_ocsp_refresh = 1, most_ocsp_refresh = 7 * 86'400;
// Errors (usage) `bad_ocsp_responder`, `bad_ocsp_refresh`.
result<void> check_ocsp_rule(const ocsp_rule& rule);

// One certificate, by its issuer's key and its serial number.
struct certificate_id {
    std::array<uint8_t, 32> issuer_key{};  // SHA-256
    bytes serial;
    friend auto operator<=>(const certificate_id&, const certificate_id&) = default;
};

struct certificate_status {
    pki::ocsp_state state = pki::ocsp_state::unknown;
    unix_seconds revoked_at = 0;
    pki::revocation_reason reason = pki::revocation_reason::unspecified;
    unix_seconds this_update = 0;
    unix_seconds until = 0;  // what it says counts no longer; but for "revoked"
    [[nodiscard]] bool is_good(unix_seconds now) const { return state == pki::ocsp_state::good && now <= until; }
};

}  // namespace berth::registry
