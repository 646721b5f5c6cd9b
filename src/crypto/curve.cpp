#include "crypto/curve_openssl.h"

#include <openssl/err.h>
#include <openssl/obj_mac.h>

namespace berth::crypto {

namespace {

bn_ctx_ptr new_bn_context() {
    return bn_ctx_ptr(must(BN_CTX_new_ex(lib_context()), "making a number context"));
}

}  // namespace

curve::curve(int nid, const char* name, size_t size)
    : group_(must(EC_GROUP_new_by_curve_name_ex(lib_context(), default_only, nid), "making a curve")),
      order_(EC_GROUP_get0_order(group_)),
      name_(name),
      size_(size),
      parameters_(to_der(OBJ_nid2obj(nid), i2d_ASN1_OBJECT)) {}

const curve& curve::p256() {
    static const curve c(NID_X9_62_prime256v1, "prime256v1", 32);
    return c;
}

const curve& curve::p384() {
    static const curve c(NID_secp384r1, "secp384r1", 48);
    return c;
}

bn_ptr curve::scalar_from(bytes_view octets) const {
    if (octets.size() != size_) {
        return nullptr;
    }
    bn_ptr k(must(BN_new(), "making a number"));
    // Tells libcrypto to treat the number as a secret wherever it has the choice.
    BN_set_flags(k.get(), BN_FLG_CONSTTIME);
    must(BN_bin2bn(octets.data(), static_cast<int>(octets.size()), k.get()), "reading a scalar");
    if (BN_is_zero(k.get()) || BN_cmp(k.get(), order_) >= 0) {
        return nullptr;
    }
    return k;
}

bn_ptr curve::draw_scalar(random_source& random) const {
    secret_bytes octets(size_);
    while (true) {
        random.fill(octets.writable());
        if (bn_ptr k = scalar_from(octets.reveal())) {
            return k;
        }
    }
}

void curve::write_scalar(const BIGNUM* k, std::span<uint8_t> out) const {
    if (BN_bn2binpad(k, out.data(), static_cast<int>(size_)) < 0) {
        die("writing a scalar");
    }
}

ec_point_ptr curve::point_from(bytes_view octets) const {
    if (octets.size() != point_size() || octets[0] != POINT_CONVERSION_UNCOMPRESSED) {
        return nullptr;
    }
    ec_point_ptr point(must(EC_POINT_new(group_), "making a point"));
    if (EC_POINT_oct2point(group_, point.get(), octets.data(), octets.size(), new_bn_context().get()) != 1) {
        ERR_clear_error();
        return nullptr;
    }
    return point;
}

bool curve::has_order(const EC_POINT* point) const {
    const ec_point_ptr product(must(EC_POINT_new(group_), "making a point"));
    must(EC_POINT_mul(group_, product.get(), nullptr, point, order_, new_bn_context().get()), "multiplying a point");
    return EC_POINT_is_at_infinity(group_, product.get()) == 1;
}

void curve::write_point(const EC_POINT* point, std::span<uint8_t> out) const {
    if (EC_POINT_point2oct(group_, point, POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(), new_bn_context().get()) !=
        point_size()) {
        die("writing a point");
    }
}

ec_point_ptr curve::base_times(const BIGNUM* k) const {
    ec_point_ptr point(must(EC_POINT_new(group_), "making a point"));
    must(EC_POINT_mul(group_, point.get(), k, nullptr, nullptr, new_bn_context().get()), "multiplying the base point");
    return point;
}

secret_bytes curve::shared_x(const EC_POINT* point, const BIGNUM* k) const {
    const bn_ctx_ptr context = new_bn_context();
    const ec_point_ptr product(must(EC_POINT_new(group_), "making a point"));
    must(EC_POINT_mul(group_, product.get(), nullptr, point, k, context.get()), "multiplying a point");
    const bn_ptr x(must(BN_new(), "making a number"));
    // Never infinity: the order is prime and 0 < k < n.
    must(EC_POINT_get_affine_coordinates(group_, product.get(), x.get(), nullptr, context.get()), "reading a coordinate");
    secret_bytes out(size_);
    write_scalar(x.get(), out.writable());
    return out;
}

}  // namespace berth::crypto
