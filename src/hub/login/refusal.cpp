#include "hub/login/refusal.h"

#include <algorithm>

namespace berth::hub {

namespace {

constexpr std::array<std::string_view, login_refusals> names{
    "no_certificate",
    "bad_certificate",
    "unknown_ca",
    "certificate_expired",
    "certificate_not_yet_valid",
    "certificate_revoked",
    "revocation_unknown",
    "weak_key",
    "name_constraint_violated",
    "path_too_long",
    "bad_name",
    "name_mismatch",
    "unknown_identity",
    "disabled",
    "device_disabled",
    "login_not_allowed",
    "thumbprint_mismatch",
    "epoch_passed",
    "shared_keys_off",
    "bad_user_name",
    "bad_token",
    "wrong_resource",
    "token_expired",
    "registry_unavailable",
};

}  // namespace

std::string_view to_string(login_refusal r) {
    return names[static_cast<size_t>(r)];
}

std::optional<login_refusal> login_refusal_from(std::string_view text) {
    const auto* const found = std::ranges::find(names, text);
    return found == names.end() ? std::nullopt : std::optional(static_cast<login_refusal>(found - names.begin()));
}

}  // namespace berth::hub
