// HKDF (RFC 5869) and HKDF-Expand-Label (RFC 8446 section 7.1).
#pragma once

#include "base/secret.h"
#include "crypto/hash.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace berth::crypto {

// HKDF-Extract(salt, ikm): hash_size(alg) octets. An empty salt stands for hash_size(alg) zero octets.
secret_bytes hkdf_extract(hash_algorithm alg, bytes_view salt, bytes_view ikm);

// HKDF-Expand(prk, info, length). length is at most 255 * hash_size(alg); more is our own mistake and aborts.
secret_bytes hkdf_expand(hash_algorithm alg, bytes_view prk, bytes_view info, size_t length);

// HKDF-Expand-Label(secret, label, context, length) with the "tls13 " prefix added here: give the label
// without it. label is at most 249 octets, context at most 255; more is our own mistake and aborts.
// Derive-Secret(S, label, messages) = hkdf_expand_label(alg, S, label, transcript hash, hash_size(alg)).
secret_bytes hkdf_expand_label(hash_algorithm alg, bytes_view secret, std::string_view label, bytes_view context, size_t length);

}  // namespace berth::crypto
