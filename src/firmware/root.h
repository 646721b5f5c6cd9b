// The root document: who signs what, and how many of them it takes. It is signed by itself, and from version N to N+1 by the
// thresholds of both (as in TUF).
#pragma once

#include "firmware/document.h"

#include <map>

namespace berth::firmware {

// Somebody who signs. He has signed when each of his keys has: one of ML-DSA, and if he likes one of ECDSA or Ed25519 beside it,
// so that whoever breaks one of the two has nothing.
struct signer {
    std::string name;
    std::vector<jose::verification_key> keys;  // 1 or 2, the first of ML-DSA
};

struct role {
    std::vector<std::string> signers;
    size_t threshold = 1;  // of signers, not of keys
};

struct root_content {
    std::string repository;  // its name: documents of others are refused
    uint64_t version = 1;
    unix_seconds issued = 0, expires = 0;
    std::vector<signer> signers;
    role root, list, release;  // release: manifests

    [[nodiscard]] const role& role_for(document_kind kind) const;
    [[nodiscard]] const signer* find(std::string_view name) const;
};

inline constexpr size_t most_signers = 16;

wire::json::object to_json(const root_content& root);
// Errors bad_document: also a key of two signers, or twice of one; a role whose threshold cannot be reached, or names somebody
// that is no signer; unsupported_schema, unknown_member.
result<root_content> read_root(const wire::json::object& payload);

// The keys of a role in order, as one text: when it changes, what the role's earlier holders have said does not count.
std::string fingerprint(const root_content& root, const role& of);

}  // namespace berth::firmware
