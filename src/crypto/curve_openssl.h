// Internal: the ECDH half of the hybrids, on curve arithmetic directly. EVP's key exchange would fetch,
// import and check the peer's key at each call, and has no way to take the ephemeral scalar from a
// random_source.
#pragma once

#include "base/random.h"
#include "base/secret.h"
#include "crypto/crypto_openssl.h"

namespace berth::crypto {

class curve {
public:
    static const curve& p256();
    static const curve& p384();

    size_t field_size() const noexcept { return size_; }  // 32 or 48; also of scalars
    size_t point_size() const noexcept { return 1 + 2 * size_; }
    const char* group_name() const noexcept { return name_; }       // "prime256v1", "secp384r1"
    bytes_view parameters() const noexcept { return parameters_; }  // DER namedCurve

    // field_size() octets at a time until 0 < k < n.
    bn_ptr draw_scalar(random_source& random) const;
    // Null unless field_size() octets with 0 < k < n.
    bn_ptr scalar_from(bytes_view octets) const;
    void write_scalar(const BIGNUM* k, std::span<uint8_t> out) const;

    // Null unless an uncompressed point of the curve (so not infinity either). Both curves have cofactor 1.
    ec_point_ptr point_from(bytes_view octets) const;
    // The point times the order is infinity: so of every point of such a curve.
    bool has_order(const EC_POINT* point) const;
    void write_point(const EC_POINT* point, std::span<uint8_t> out) const;

    ec_point_ptr base_times(const BIGNUM* k) const;
    // The x-coordinate of k * point. Constant time in k.
    secret_bytes shared_x(const EC_POINT* point, const BIGNUM* k) const;

private:
    curve(int nid, const char* name, size_t size);
    EC_GROUP* group_;
    const BIGNUM* order_;
    const char* name_;
    size_t size_;
    bytes parameters_;
};

}  // namespace berth::crypto
