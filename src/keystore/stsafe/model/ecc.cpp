#include "keystore/stsafe/model/ecc.h"

#include "crypto/curve_openssl.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

namespace berth::keystore::stsafe::model {

namespace {

using crypto::must;

using ecdsa_ptr = crypto::openssl_ptr<ECDSA_SIG, ECDSA_SIG_free>;

const crypto::curve& arithmetic(curve_kind kind) {
    return kind == curve_kind::p256 ? crypto::curve::p256() : crypto::curve::p384();
}

crypto::evp_pkey_ptr libcrypto_key(curve_kind kind, bytes public_octets, const secret_bytes* scalar) {
    const crypto::evp_pkey_ctx_ptr context(
        must(EVP_PKEY_CTX_new_from_name(crypto::lib_context(), "EC", crypto::default_only), "making a key context"));
    must(EVP_PKEY_fromdata_init(context.get()), "starting to build a key");
    std::string group = arithmetic(kind).group_name();
    secret_bytes native;
    std::vector<OSSL_PARAM> params{
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, public_octets.data(), public_octets.size())};
    if (scalar != nullptr) {
        const auto k = arithmetic(kind).scalar_from(scalar->reveal());
        native.resize(scalar->size());
        if (BN_bn2nativepad(k.get(), native.writable().data(), static_cast<int>(native.size())) < 0) {
            crypto::die("writing a scalar");
        }
        params.push_back(OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native.writable().data(), native.size()));
    }
    params.push_back(OSSL_PARAM_construct_end());
    EVP_PKEY* key = nullptr;
    const int what = scalar != nullptr ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    if (EVP_PKEY_fromdata(context.get(), &key, what, params.data()) != 1) {
        ERR_clear_error();
        return nullptr;
    }
    return crypto::evp_pkey_ptr(key);
}

lengthy number_octets(const BIGNUM* n, size_t size) {
    bytes out(size);
    if (BN_bn2binpad(n, out.data(), static_cast<int>(size)) < 0) {
        crypto::die("writing half a signature");
    }
    return lengthy(std::move(out));
}

}  // namespace

std::optional<curve_kind> curve_named(bytes_view oid) {
    if (same_octets(oid, oid_p256)) {
        return curve_kind::p256;
    }
    return same_octets(oid, oid_p384) ? std::optional(curve_kind::p384) : std::nullopt;
}

bytes_view name_of(curve_kind kind) {
    return kind == curve_kind::p256 ? bytes_view(oid_p256) : bytes_view(oid_p384);
}

size_t field_size(curve_kind kind) {
    return arithmetic(kind).field_size();
}

private_key generate(curve_kind kind, random_source& random) {
    private_key out{kind, secret_bytes(field_size(kind))};
    arithmetic(kind).write_scalar(arithmetic(kind).draw_scalar(random).get(), out.scalar.writable());
    return out;
}

point public_point(const private_key& key) {
    const crypto::curve& c = arithmetic(key.kind);
    bytes out(c.point_size());
    c.write_point(c.base_times(c.scalar_from(key.scalar.reveal()).get()).get(), out);
    return point::from(out);
}

bool is_on(curve_kind kind, const point& p) {
    return p.form == uncompressed && p.x.size() == p.y.size() && arithmetic(kind).point_from(p.octets()) != nullptr;
}

std::optional<bytes> decompress(curve_kind kind, bool odd, bytes_view x) {
    using group_ptr = crypto::openssl_ptr<EC_GROUP, EC_GROUP_free>;
    const int nid = kind == curve_kind::p256 ? NID_X9_62_prime256v1 : NID_secp384r1;
    const group_ptr group(
        must(EC_GROUP_new_by_curve_name_ex(crypto::lib_context(), crypto::default_only, nid), "finding a curve"));
    const crypto::ec_point_ptr found(must(EC_POINT_new(group.get()), "making a point"));
    const bytes compressed = concat({bytes{static_cast<uint8_t>(odd ? 0x03 : 0x02)}, x});
    bytes whole(arithmetic(kind).point_size());
    if (EC_POINT_oct2point(group.get(), found.get(), compressed.data(), compressed.size(), nullptr) != 1) {
        ERR_clear_error();
        return std::nullopt;
    }
    arithmetic(kind).write_point(found.get(), whole);
    return to_bytes(bytes_view(whole).last(field_size(kind)));
}

signature sign(const private_key& key, bytes_view digest) {
    const auto held = libcrypto_key(key.kind, public_point(key).octets(), &key.scalar);
    const crypto::evp_pkey_ctx_ptr context(
        must(EVP_PKEY_CTX_new_from_pkey(crypto::lib_context(), held.get(), crypto::default_only), "making a key context"));
    must(EVP_PKEY_sign_init(context.get()), "starting a signature");
    size_t size = 0;
    must(EVP_PKEY_sign(context.get(), nullptr, &size, digest.data(), digest.size()), "sizing a signature");
    bytes der(size);
    must(EVP_PKEY_sign(context.get(), der.data(), &size, digest.data(), digest.size()), "signing");
    const unsigned char* at = der.data();
    const ecdsa_ptr parts(must(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)), "reading a signature"));
    const size_t half = field_size(key.kind);
    return {number_octets(ECDSA_SIG_get0_r(parts.get()), half), number_octets(ECDSA_SIG_get0_s(parts.get()), half)};
}

bool verify(curve_kind kind, const point& key, const signature& made, bytes_view digest) {
    const auto held = is_on(kind, key) ? libcrypto_key(kind, key.octets(), nullptr) : nullptr;
    if (!held) {
        return false;
    }
    const ecdsa_ptr parts(must(ECDSA_SIG_new(), "making a signature"));
    must(ECDSA_SIG_set0(parts.get(), BN_bin2bn(made.r.value.data(), static_cast<int>(made.r.size()), nullptr),
                        BN_bin2bn(made.s.value.data(), static_cast<int>(made.s.size()), nullptr)),
         "filling a signature");
    const bytes der = crypto::to_der(parts.get(), i2d_ECDSA_SIG);
    const crypto::evp_pkey_ctx_ptr context(
        must(EVP_PKEY_CTX_new_from_pkey(crypto::lib_context(), held.get(), crypto::default_only), "making a key context"));
    must(EVP_PKEY_verify_init(context.get()), "starting a verification");
    const bool valid = EVP_PKEY_verify(context.get(), der.data(), der.size(), digest.data(), digest.size()) == 1;
    ERR_clear_error();
    return valid;
}

std::optional<secret_bytes> agree(const private_key& key, const point& peer) {
    const crypto::curve& c = arithmetic(key.kind);
    const auto other = is_on(key.kind, peer) ? c.point_from(peer.octets()) : nullptr;
    if (!other) {
        return std::nullopt;
    }
    return c.shared_x(other.get(), c.scalar_from(key.scalar.reveal()).get());
}

}  // namespace berth::keystore::stsafe::model
