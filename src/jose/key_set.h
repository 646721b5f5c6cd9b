// Sets of keys (JWK Set, RFC 7517 section 5), and which of their keys a token is for: the one that it names, and no other is
// tried.
#pragma once

#include "wire/json.h"

#include <string>
#include <string_view>
#include <vector>

namespace berth::jose {

inline constexpr size_t most_key_set = 1024 * 1024;  // octets
inline constexpr size_t most_set_keys = 256;         // of which 256 are of ML-DSA-87

// RFC 7517 5: "Implementations SHOULD ignore JWKs within a JWK Set that use "kty" (key type) values that are not understood by
// them, that are missing required members, or for which values are out of the supported ranges." These three, and no more.
struct skipped_key {
    size_t index = 0;  // in "keys", from 0
    std::string kid;   // what it is called there; empty: nothing
    error why;         // unknown_key_type, missing_member, algorithm_refused, unknown_curve, unknown_draft
};

class key_set {
public:
    // Errors (usage) key_set_too_large, bad_key_set: no such set, or an entry that is no key at all; duplicate_kid: two keys are
    // called the same, or one is called by another's thumbprint; duplicate_key: a key stands twice. What else may be wrong with
    // a key is said by who reads it (keys.h), when it is asked for.
    static result<key_set> read(std::string_view text);
    // The same of what has been read, or is to be written.
    static result<key_set> of(const wire::json::object& set);

    // By thumbprint, or by what the set calls it. Errors (peer) kid_missing, unknown_key: also of a skipped one, saying why.
    [[nodiscard]] result<wire::json::object> find(std::string_view kid) const;

    [[nodiscard]] size_t size() const { return keys_.size(); }
    [[nodiscard]] const std::vector<skipped_key>& skipped() const { return skipped_; }

private:
    struct entry {
        std::string kid, thumbprint;
        wire::json::object jwk;
    };
    result<void> add(size_t index, const wire::json::object& jwk);
    std::vector<entry> keys_;
    std::vector<skipped_key> skipped_;
};

// That it is a set, and no key.
bool is_key_set(const wire::json::object& object);

}  // namespace berth::jose
