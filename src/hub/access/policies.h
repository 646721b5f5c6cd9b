// Policies of shared keys: who has a key of one may do what the policy says, by tokens that he makes of it (sas_token.h). There
// is none unless an operator has made it.
//
// As text, one line each, for a file that nobody else may read:
//
//   NAME RIGHT,RIGHT PRIMARY SECONDARY
//
// keys in base64. Empty lines and lines that begin with # say nothing.
#pragma once

#include "base/random.h"
#include "base/secret.h"
#include "hub/access/rights.h"

#include <vector>

namespace berth::hub {

inline constexpr size_t policy_key_octets = 32;
inline constexpr size_t most_policies = 256;
inline constexpr size_t most_policies_text = 128 * 1024;

struct policy {
    std::string name;
    right_set rights;
    secret_bytes primary, secondary;
};

// Letters, digits, '.', '_' and '-', 1 to 64. Error `bad_name` (usage).
result<void> check_policy_name(std::string_view name);

class policies {
public:
    // Errors (usage), which quote no key: `bad_policies`, with the line.
    static result<policies> parse(bytes_view text);
    [[nodiscard]] secret_bytes to_text() const;

    [[nodiscard]] const std::vector<policy>& all() const { return all_; }
    [[nodiscard]] const policy* find(std::string_view name) const;
    // Both keys are drawn. Errors of check_policy_name, `policy_exists`, `too_many_policies` (usage).
    result<void> add(std::string name, right_set rights, random_source& random);
    enum class key : uint8_t { primary, secondary };
    // Another key in that one's place: tokens by the other go on to count. Error `unknown_policy` (usage).
    result<void> rotate(std::string_view name, key which, random_source& random);
    result<void> remove(std::string_view name);

private:
    result<policy*> require(std::string_view name);
    std::vector<policy> all_;
};

// "HostName=...;SharedAccessKeyName=...;SharedAccessKey=...", as SDKs of back ends take it.
secret_bytes connection_string(std::string_view host, const policy& of, policies::key which);

}  // namespace berth::hub
