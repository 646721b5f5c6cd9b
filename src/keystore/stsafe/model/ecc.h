// Elliptic curve keys as stsafe-sim holds them. They are in this process's memory: a model of a chip is no chip.
#pragma once

#include "base/bytes.h"
#include "base/random.h"
#include "base/secret.h"
#include "keystore/stsafe/commands/keys.h"

#include <optional>

namespace berth::keystore::stsafe::model {

enum class curve_kind : uint8_t { p256 = 1, p384 = 2 };

std::optional<curve_kind> curve_named(bytes_view oid);
bytes_view name_of(curve_kind kind);
size_t field_size(curve_kind kind);

struct private_key {
    curve_kind kind = curve_kind::p256;
    secret_bytes scalar;
};

private_key generate(curve_kind kind, random_source& random);
point public_point(const private_key& key);
// ECDSA over a digest of any length, as the chip takes it.
signature sign(const private_key& key, bytes_view digest);
bool verify(curve_kind kind, const point& key, const signature& made, bytes_view digest);
// The x-coordinate; nothing when `peer` is no point of the key's curve.
std::optional<secret_bytes> agree(const private_key& key, const point& peer);
// The y-coordinate of the point with this x whose y is odd, or even; nothing when no point of the curve has it.
std::optional<bytes> decompress(curve_kind kind, bool odd, bytes_view x);
bool is_on(curve_kind kind, const point& p);

}  // namespace berth::keystore::stsafe::model
