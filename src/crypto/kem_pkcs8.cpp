// Private KEM keys at rest: RFC 9935 (ML-KEM) and draft-ietf-lamps-pq-composite-kem (hybrids).
#include "crypto/der_openssl.h"
#include "crypto/kem_impl_openssl.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

namespace berth::crypto {

namespace {

// A source that has exactly what it was given.
class given_octets final : public random_source {
public:
    explicit given_octets(bytes_view all) : rest_(all) {}
    void fill(std::span<uint8_t> out) override {
        if (out.size() > rest_.size()) {
            die("expanding a key from too few octets");
        }
        std::copy_n(rest_.begin(), out.size(), out.begin());
        rest_ = rest_.subspan(out.size());
    }

private:
    bytes_view rest_;
};

constexpr uint8_t tag_seed = 0x80;  // [0] IMPLICIT OCTET STRING (SIZE (64))

// libcrypto reads the forms "both" and "expandedKey". RFC 9935 6: the parts of "both" that do not match are
// refused, and so is an expanded key whose hash does not match its encapsulation key.
result<kem_private_key> from_other_forms(const kem_traits& traits, const PKCS8_PRIV_KEY_INFO* info) {
    evp_pkey_ptr key(EVP_PKCS82PKEY_ex(info, lib_context(), default_only));
    if (!key || EVP_PKEY_is_a(key.get(), traits.ml_kem) != 1) {
        return fail(bad_private_key("it is neither a seed nor a consistent expanded ML-KEM key (" + openssl_errors() + ")"));
    }
    secret_bytes seed(ml_kem_seed_size);
    size_t size = 0;
    if (EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_ML_KEM_SEED, seed.writable().data(), seed.size(), &size) ==
            1 &&
        size == seed.size()) {
        given_octets source(seed.reveal());
        return kem_private_key::generate(traits.algorithm, source);
    }
    ERR_clear_error();
    BERTH_TRY(pub, kem_public_key::from_raw(traits.algorithm, ml_kem_public(key.get())));
    return kem_private_key(
        std::make_shared<kem_private_key::impl>(kem_private_key::impl{std::move(pub), std::move(key), std::nullopt, nullptr}));
}

}  // namespace

secret_bytes hybrid_private_octets(const kem_private_key::impl& key) {
    const curve& ec = *key.pub.get().traits->ec();
    secret_bytes scalar(ec.field_size());
    ec.write_scalar(key.scalar.get(), scalar.writable());
    static constexpr std::array<uint8_t, 3> version_1{0x02, 0x01, 0x01};
    const secret_bytes octets = secret_der_tlv(0x04, {scalar.reveal()});
    const bytes parameters = der_tlv(0xa0, {ec.parameters()});
    const secret_bytes ec_private_key = secret_der_tlv(0x30, {version_1, octets.reveal(), parameters});
    secret_bytes out(key.seed->reveal());
    out.append(ec_private_key.reveal());
    return out;
}

result<kem_private_key> hybrid_from_private_octets(const kem_traits& traits, bytes_view octets) {
    const curve& ec = *traits.ec();
    if (octets.size() < ml_kem_seed_size) {
        return fail(bad_private_key("it is shorter than an ML-KEM seed"));
    }
    // ECPrivateKey ::= SEQUENCE { version INTEGER { 1 }, privateKey OCTET STRING, parameters [0] OPTIONAL,
    //                             publicKey [1] BIT STRING OPTIONAL }
    bytes_view rest = octets.subspan(ml_kem_seed_size);
    auto fields = take_der(rest, 0x30);
    const auto version = fields ? take_der(*fields, 0x02) : std::nullopt;
    const auto scalar = version ? take_der(*fields, 0x04) : std::nullopt;
    if (!scalar || !rest.empty() || version->size() != 1 || (*version)[0] != 1) {
        return fail(bad_private_key("its second part is not an ECPrivateKey"));
    }
    if (!ec.scalar_from(*scalar)) {
        return fail(bad_private_key("its elliptic curve scalar has the wrong length or is out of range"));
    }
    if (const auto parameters = take_der(*fields, 0xa0); parameters && !same_octets(*parameters, ec.parameters())) {
        return fail(bad_private_key("its elliptic curve is not the one that its algorithm names"));
    }
    const auto public_part = take_der(*fields, 0xa1);
    if (!fields->empty()) {
        return fail(bad_private_key("its ECPrivateKey has unknown fields"));
    }
    secret_bytes drawn(octets.first(ml_kem_seed_size));
    drawn.append(*scalar);
    given_octets source(drawn.reveal());
    kem_private_key key = kem_private_key::generate(traits.algorithm, source);
    if (public_part) {
        static constexpr std::array<uint8_t, 1> no_unused_bits{0};
        if (!same_octets(*public_part, der_tlv(0x03, {no_unused_bits, key.public_key().get().point_octets()}))) {
            return fail(bad_private_key("its elliptic curve public key does not belong to its scalar"));
        }
    }
    return key;
}

result<kem_private_key> kem_private_key::from_pkcs8(bytes_view der) {
    BERTH_TRY(parts, read_pkcs8(der));
    const auto alg = kem_algorithm_from_oid(parts.oid);
    if (!alg) {
        return fail(unsupported_key("private key with algorithm " + parts.oid + " instead of a KEM"));
    }
    if (parts.parameters) {
        return fail(bad_private_key("its algorithm has parameters, and must not"));
    }
    const kem_traits& traits = traits_of(*alg);
    if (traits.ec != nullptr) {
        return hybrid_from_private_octets(traits, parts.private_key);
    }
    bytes_view rest = parts.private_key;
    if (const auto seed = take_der(rest, tag_seed); seed && rest.empty() && seed->size() == ml_kem_seed_size) {
        given_octets source(*seed);
        return generate(*alg, source);
    }
    return from_other_forms(traits, parts.info.get());
}

result<secret_bytes> kem_private_key::to_pkcs8() const {
    const kem_traits& traits = *impl_->pub.get().traits;
    if (!impl_->seed) {
        return fail(error_category::usage, "key_has_no_seed",
                    "This ML-KEM key came without its seed, and keys are only written as seeds: keep the "
                    "file it came "
                    "from, or make a new key.");
    }
    if (traits.ec != nullptr) {
        return make_pkcs8(traits.identifier, hybrid_private_octets(*impl_).reveal());
    }
    return make_pkcs8(traits.identifier, secret_der_tlv(tag_seed, {impl_->seed->reveal()}).reveal());
}

}  // namespace berth::crypto
