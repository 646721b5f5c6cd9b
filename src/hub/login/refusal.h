// Why somebody may not log in: one reason for each refusal, counted and logged here; the peer learns no more than TLS or MQTT
// must tell.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace berth::hub {

enum class login_refusal : uint8_t {
    no_certificate,       // TLS without one, or a handshake that was not judged
    bad_certificate,      // malformed, a CA's, of a kind of key that is not taken, or without a name of its own
    unknown_ca,           // its chain leads to no CA that is registered, verified and in force
    certificate_expired,  // it, or one above it
    certificate_not_yet_valid,
    certificate_revoked,
    revocation_unknown,  // its CA's OCSP responder is asked, and has not said that it is good
    weak_key,
    name_constraint_violated,
    path_too_long,     // a CA above it may have fewer below it than there are
    bad_name,          // what it says it is called is no name of a device or module
    name_mismatch,     // the certificate is another's
    unknown_identity,  // not in the registry
    disabled,
    device_disabled,    // a module of a device that is
    login_not_allowed,  // the registry says that it logs in another way, or not at all
    thumbprint_mismatch,
    epoch_passed,     // its certificates up to some time were ended
    shared_keys_off,  // it logs in by key, and the hub takes none of its kind
    bad_user_name,    // MQTT's: not HOST/NAME/?api-version=..., or another's
    bad_token,        // malformed, a policy's, or by none of its keys
    wrong_resource,   // the token is for something or somebody else
    token_expired,    // or for too long a time
    registry_unavailable,
};

inline constexpr size_t login_refusals = 24;

// "no_certificate", ...: in logs, metrics and answers to operators.
std::string_view to_string(login_refusal r);
std::optional<login_refusal> login_refusal_from(std::string_view text);

}  // namespace berth::hub
