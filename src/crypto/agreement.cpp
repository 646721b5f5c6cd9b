#include "crypto/agreement.h"

#include "crypto/constant_time.h"
#include "crypto/curve_openssl.h"
#include "crypto/x25519_openssl.h"

namespace berth::crypto {

namespace {

const curve* curve_of(agreement_group group) {
    switch (group) {
    case agreement_group::p256: return &curve::p256();
    case agreement_group::p384: return &curve::p384();
    case agreement_group::x25519: break;
    }
    return nullptr;
}

tl::unexpected<error> bad_public_key(agreement_group group, std::string_view why) {
    return fail(error{error_category::peer,
                      "bad_public_key",
                      "The " + std::string(name_of(group)) + " public key is not valid: " + std::string(why) + ".",
                      {{"algorithm", std::string(name_of(group))}}});
}

}  // namespace

struct agreement_public_key::impl {
    agreement_group group;
    bytes raw;
    ec_point_ptr point;  // of the NIST curves
};

struct agreement_private_key::impl {
    agreement_public_key pub;
    bn_ptr scalar;        // of the NIST curves
    evp_pkey_ptr x25519;  // of the other
};

std::string_view name_of(agreement_group group) noexcept {
    switch (group) {
    case agreement_group::p256: return "P-256";
    case agreement_group::p384: return "P-384";
    case agreement_group::x25519: break;
    }
    return "X25519";
}

size_t public_size(agreement_group group) noexcept {
    const curve* const ec = curve_of(group);
    return ec != nullptr ? ec->point_size() : x25519_size;
}

size_t private_size(agreement_group group) noexcept {
    const curve* const ec = curve_of(group);
    return ec != nullptr ? ec->field_size() : x25519_size;
}

result<agreement_public_key> agreement_public_key::from_raw(agreement_group group, bytes_view raw, point_validation how) {
    const curve* const ec = curve_of(group);
    if (ec == nullptr) {
        if (raw.size() != x25519_size) {
            return bad_public_key(group, "it has not 32 octets");
        }
        return agreement_public_key(std::make_shared<impl>(impl{group, to_bytes(raw), nullptr}));
    }
    // SP 800-56A 5.6.2.3.4: "Verify that Q is not the point at infinity", in range, on the curve.
    auto point = ec->point_from(raw);
    if (!point) {
        return bad_public_key(group, "it is not an uncompressed point of the curve");
    }
    if (how == point_validation::full && !ec->has_order(point.get())) {
        return bad_public_key(group, "it has not the curve's order");
    }
    return agreement_public_key(std::make_shared<impl>(impl{group, to_bytes(raw), std::move(point)}));
}

agreement_group agreement_public_key::group() const noexcept {
    return impl_->group;
}

bytes_view agreement_public_key::raw() const noexcept {
    return impl_->raw;
}

bool operator==(const agreement_public_key& a, const agreement_public_key& b) noexcept {
    return a.impl_->group == b.impl_->group && a.impl_->raw == b.impl_->raw;
}

namespace {

agreement_private_key with_scalar(agreement_group group, const curve& ec, bn_ptr scalar) {
    auto point = ec.base_times(scalar.get());
    bytes raw(ec.point_size());
    ec.write_point(point.get(), raw);
    agreement_public_key pub(
        std::make_shared<agreement_public_key::impl>(agreement_public_key::impl{group, std::move(raw), std::move(point)}));
    return agreement_private_key(
        std::make_shared<agreement_private_key::impl>(agreement_private_key::impl{std::move(pub), std::move(scalar), nullptr}));
}

agreement_private_key with_octets(bytes_view octets) {
    auto key = x25519_private(octets);
    bytes raw(x25519_size);
    write_x25519_public(key.get(), raw);
    agreement_public_key pub(std::make_shared<agreement_public_key::impl>(
        agreement_public_key::impl{agreement_group::x25519, std::move(raw), nullptr}));
    return agreement_private_key(
        std::make_shared<agreement_private_key::impl>(agreement_private_key::impl{std::move(pub), nullptr, std::move(key)}));
}

}  // namespace

agreement_private_key agreement_private_key::generate(agreement_group group, random_source& random) {
    if (const curve* const ec = curve_of(group)) {
        return with_scalar(group, *ec, ec->draw_scalar(random));
    }
    secret_bytes octets(x25519_size);
    random.fill(octets.writable());
    return with_octets(octets.reveal());
}

result<agreement_private_key> agreement_private_key::from_raw(agreement_group group, bytes_view scalar) {
    if (const curve* const ec = curve_of(group)) {
        if (auto k = ec->scalar_from(scalar)) {
            return with_scalar(group, *ec, std::move(k));
        }
    } else if (scalar.size() == x25519_size) {
        return with_octets(scalar);
    }
    return fail(error{error_category::usage,
                      "bad_private_key",
                      "The " + std::string(name_of(group)) + " private key has not the right length, or is out of range.",
                      {{"algorithm", std::string(name_of(group))}}});
}

agreement_group agreement_private_key::group() const noexcept {
    return impl_->pub.group();
}

const agreement_public_key& agreement_private_key::public_key() const noexcept {
    return impl_->pub;
}

secret_bytes agreement_private_key::raw() const {
    secret_bytes out(private_size(group()));
    if (const curve* const ec = curve_of(group())) {
        ec->write_scalar(impl_->scalar.get(), out.writable());
    } else {
        size_t size = out.size();
        must(EVP_PKEY_get_raw_private_key(impl_->x25519.get(), out.writable().data(), &size), "reading an X25519 key");
    }
    return out;
}

result<secret_bytes> agreement_private_key::agree(const agreement_public_key& peer) const {
    if (peer.group() != group()) {
        return bad_public_key(group(), "it is of another group");
    }
    if (const curve* const ec = curve_of(group())) {
        return ec->shared_x(peer.get().point.get(), impl_->scalar.get());
    }
    secret_bytes out(x25519_size);
    if (!x25519(impl_->x25519.get(), peer.raw(), out.writable())) {
        return bad_public_key(group(), "it is of small order");
    }
    return out;
}

}  // namespace berth::crypto
