// The frame types of docs/onboarding.md section 2, and where each of them may travel.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace berth::onboarding {

enum class message_type : uint8_t {
    onboard_request = 1,
    tunnel = 2,
    authorization_request = 3,
    authorization = 4,
    credential_requests = 5,
    grant = 6,
    result = 7,
    pending = 8,
    error = 9,
    challenge = 10,
    challenge_response = 11,
    result_ack = 12,
    session_open = 13,
    locate = 14,
    located = 15,
    release = 16,
    release_ack = 17,
    configuration_request = 18,
    configuration = 19,
};

// A direction on a channel.
enum path : uint8_t {
    device_to_registrar = 1 << 0,
    registrar_to_device = 1 << 1,
    registrar_to_masa = 1 << 2,
    masa_to_registrar = 1 << 3,
    device_to_masa = 1 << 4,
    masa_to_device = 1 << 5,
};

struct message_rule {
    message_type type;
    std::string_view name;
    uint8_t paths;  // of `path`, combined with |
};

inline constexpr std::array<message_rule, 19> message_rules{{
    {message_type::onboard_request, "onboard_request", device_to_registrar},
    {message_type::tunnel, "tunnel", device_to_registrar | registrar_to_device | registrar_to_masa | masa_to_registrar},
    {message_type::authorization_request, "authorization_request", device_to_registrar | registrar_to_masa},
    {message_type::authorization, "authorization", masa_to_registrar},
    {message_type::credential_requests, "credential_requests", device_to_registrar},
    {message_type::grant, "grant", registrar_to_device},
    {message_type::result, "result", device_to_registrar | registrar_to_masa},
    {message_type::pending, "pending", registrar_to_device | masa_to_registrar},
    {message_type::error, "error", 0x3f},
    {message_type::challenge, "challenge", registrar_to_device},
    {message_type::challenge_response, "challenge_response", device_to_registrar},
    {message_type::result_ack, "result_ack", registrar_to_device | masa_to_registrar},
    {message_type::session_open, "session_open", registrar_to_masa},
    {message_type::locate, "locate", device_to_masa},
    {message_type::located, "located", masa_to_device},
    {message_type::release, "release", registrar_to_masa},
    {message_type::release_ack, "release_ack", masa_to_registrar},
    {message_type::configuration_request, "configuration_request", device_to_registrar},
    {message_type::configuration, "configuration", registrar_to_device},
}};

// The rule of a type octet; nothing for a type that this version does not know.
constexpr std::optional<message_rule> rule_of(uint8_t type) {
    for (const auto& rule : message_rules) {
        if (static_cast<uint8_t>(rule.type) == type) {
            return rule;
        }
    }
    return std::nullopt;
}

// Default deny: whether a frame of this type may travel this way at all.
constexpr bool allowed(uint8_t type, path way) {
    const auto rule = rule_of(type);
    return rule && (rule->paths & way) != 0;
}

}  // namespace berth::onboarding
