#include "onboarding/messages/credential_requests.h"

namespace berth::onboarding {

bool valid_credential_name(std::string_view name) {
    const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    return !name.empty() && name.size() <= 64 && alphanumeric(name.front()) && name != "domain-root" &&
           std::all_of(name.begin(), name.end(), [&](char c) { return alphanumeric(c) || c == '-'; });
}

}  // namespace berth::onboarding
