// Internal: libcrypto builds and judges the path; we judge the leaf's role, times and revocation, and
// explain.
#pragma once

#include "pki/trust_openssl.h"
#include "pki/verify.h"

namespace berth::pki {

// Leaf first, anchor last.
using path = std::vector<certificate>;

error path_error(std::string name, size_t index, const certificate& at, std::string message);

// What libcrypto found wrong, in our names. `candidates` are all certificates it had to choose issuers from.
error explain(int code, size_t index, const certificate& at, std::span<const certificate> candidates);

// Whether paths are built on this key; its size is libcrypto's to judge (its security level).
bool is_accepted_issuer_key(const certificate& issuer, bool allow_rsa);
result<void> check_leaf(const certificate& leaf, leaf_rule rule);
result<path> find_path(const trust_store& store, std::span<const certificate> leaf_first, const verify_options& options);
result<void> check_keys(const path& found, bool allow_rsa);
result<void> check_times(const path& found, const validity_instants& time);
result<void> check_revocation(const trust_store& store, const path& found, const verify_options& options);

}  // namespace berth::pki
