// Who may ask a device's identity service for what. Default deny: what no principal is granted, nobody gets.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace berth::identity {

// What may be done with a private key that the asker never sees. Certificates of one's own identities may always be read.
enum class key_use : uint8_t { sign = 1, decapsulate = 2 };
std::string_view name_of(key_use use);  // "sign", "decapsulate"
// Error `bad_principal`.
result<key_use> parse_key_use(std::string_view name);

// A local program, known by the user that it runs as.
struct principal {
    std::string name;  // for logs: 1 to 64 of a-z, 0-9 and hyphen
    uint32_t uid = 0;
    std::vector<std::string> identities;  // names of credentials (onboarding section 6)
    std::vector<key_use> may;

    [[nodiscard]] bool has(std::string_view identity) const;
    [[nodiscard]] bool may_use(key_use use) const;
};

inline constexpr size_t most_principals = 256;
inline constexpr size_t most_identities = 64;  // of one principal

// Error `bad_principal`, with the parameter "principal": a name or an identity that is none, none at all, one twice; two
// principals of one name or one user; too many.
result<void> check_principals(const std::vector<principal>& all);

}  // namespace berth::identity
