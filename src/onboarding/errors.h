// The names of refusals and errors of the onboarding protocol; fixed, on the wire and in --json.
#pragma once

#include "base/result.h"

#include <array>
#include <string_view>

namespace berth::onboarding {

// A name, and what a person should do about it.
struct refusal_text {
    std::string_view name;
    std::string_view advice;
};

inline constexpr std::array<refusal_text, 34> refusals{{
    {"not_assigned",
     "the manufacturer has not assigned this device to this customer; ask the manufacturer, or the seller for a release"},
    {"assigned_elsewhere", "the device is assigned to another customer"},
    {"registrar_mismatch",
     "the device spoke with another registrar than the one that asks for it: somebody stands in the middle"},
    {"not_a_registrar", "the certificate on KK1 is not a registrar's (id-kp-cmcRA is missing or its chain does not verify)"},
    {"serial_mismatch", "the device on KK2, on KK3 and in its request are not one and the same"},
    {"replayed_nonce", "this request was seen before; the device must make a new one"},
    {"kk3_reused", "a KK3 carries one request only; the device must begin anew"},
    {"unknown_kk3", "the MASA knows no such KK3, or it has expired; the device must begin anew"},
    {"kk3_failed", "the device and its manufacturer's MASA could not authenticate each other"},
    {"withdrawn", "the assignment, or what this customer issued to the device, was withdrawn"},
    {"abandoned", "the registrar gave this session up"},
    {"not_owner", "only the present owner can do this"},
    {"blocked", "the device is blocked; its owner or manufacturer can lift the block"},
    {"revoked", "a certificate that was used has been revoked"},
    {"unknown_device_root", "the device's maker is not among the makers that this registrar serves"},
    {"unknown_registrar_root", "the registrar's root is not registered with the manufacturer (any more)"},
    {"channel_mismatch", "what the MASA authorised was made on another channel than this one"},
    {"authorization_mismatch", "what came back is not what the device asked to have authorised"},
    {"voucher_invalid", "the voucher does not open, or speaks of another device, registrar or time"},
    {"voucher_expired", "the voucher is too old; the device must begin anew"},
    {"domain_chain_invalid", "a certificate does not lead to the customer's root that the manufacturer vouched for"},
    {"certificate_key_mismatch", "a certificate was issued for another key or name than was asked for"},
    {"possession_unconfirmed", "the device did not prove that it holds a key it asked a certificate for"},
    {"attestation_refused", "the device's measured state does not meet the registrar's policy, or it gave no quote of it; the "
                            "registrar's log tells which"},
    {"approval_denied", "an operator of the registrar has denied this device"},
    {"ca_refused", "the customer's CA did not issue a certificate"},
    {"masa_unreachable", "the registrar cannot reach the manufacturer's MASA now; the device will try again"},
    {"too_many_requests", "too many requests at once; try again later"},
    {"too_large", "a message is larger than is accepted here"},
    {"malformed", "a message does not decode"},
    {"unexpected_message", "a message came at a time when it may not come"},
    {"unsupported_version", "the other side speaks another version of the protocol"},
    {"install_failed", "the device could not store what it was granted"},
    {"peer_error", "the other side reported an error that this version does not know"},
}};

// The advice for a name; empty for one that is not in the list.
std::string_view advice_for(std::string_view name);

// Who can do something about it, wherever it is said: `masa_unreachable` is the network's (environment), all others the peer's.
error_category category_of(std::string_view name);

// An error with one of these names, its category and its advice.
error refusal(std::string_view name);
// The same with a sentence of what was found, before the advice.
error refusal(std::string_view name, std::string_view found);

inline tl::unexpected<error> refuse(std::string_view name) {
    return fail(refusal(name));
}
inline tl::unexpected<error> refuse(std::string_view name, std::string_view found) {
    return fail(refusal(name, found));
}

}  // namespace berth::onboarding
