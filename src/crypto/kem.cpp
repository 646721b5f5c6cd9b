#include "crypto/kem.h"

#include "base/wipe.h"
#include "crypto/der_openssl.h"
#include "crypto/hash.h"
#include "crypto/kem_impl_openssl.h"

namespace berth::crypto {

namespace {

const curve* p256_curve() {
    return &curve::p256();
}
const curve* p384_curve() {
    return &curve::p384();
}

constexpr std::array<kem_traits, 4> table{{
    {kem_algorithm::mlkem768,
     "mlkem768",
     "2.16.840.1.101.3.4.4.2",
     algorithm_identifier::mlkem768,
     "ML-KEM-768",
     nullptr,
     "",
     {1184, 1088, 1184, 1088, 0, 0, 32},
     192},
    {kem_algorithm::mlkem1024,
     "mlkem1024",
     "2.16.840.1.101.3.4.4.3",
     algorithm_identifier::mlkem1024,
     "ML-KEM-1024",
     nullptr,
     "",
     {1568, 1568, 1568, 1568, 0, 0, 32},
     256},
    {kem_algorithm::mlkem768_p256,
     "mlkem768_p256",
     "1.3.6.1.5.5.7.6.59",
     algorithm_identifier::mlkem768_p256,
     "ML-KEM-768",
     p256_curve,
     "MLKEM768-P256",
     {1249, 1153, 1184, 1088, 65, 32, 32},
     192},
    {kem_algorithm::mlkem1024_p384,
     "mlkem1024_p384",
     "1.3.6.1.5.5.7.6.63",
     algorithm_identifier::mlkem1024_p384,
     "ML-KEM-1024",
     p384_curve,
     "MLKEM1024-P384",
     {1665, 1665, 1568, 1568, 97, 48, 32},
     256},
}};

error bad_public_key(const kem_traits& traits, std::string_view why) {
    return error{error_category::peer, "bad_public_key",
                 "The " + std::string(traits.name) + " public key is not valid: " + std::string(why) + "."}
        .with("algorithm", std::string(traits.name));
}

error bad_encapsulation(const kem_traits& traits, std::string_view why) {
    return error{error_category::peer, "bad_encapsulation",
                 "An encapsulation to a " + std::string(traits.name) + " key is not valid: " + std::string(why) + "."}
        .with("algorithm", std::string(traits.name));
}

// From parts that are known to be good.
kem_public_key assemble(const kem_traits& traits, bytes raw, evp_pkey_ptr ml_kem, ec_point_ptr point) {
    auto made = std::make_shared<kem_public_key::impl>();
    made->traits = &traits;
    made->spki = make_spki(traits.identifier, raw);
    made->spki_sha256 = to_array<32>(sha256(made->spki).view());
    made->raw = std::move(raw);
    made->ml_kem = std::move(ml_kem);
    made->point = std::move(point);
    return kem_public_key(std::move(made));
}

}  // namespace

const kem_traits& traits_of(kem_algorithm alg) noexcept {
    for (const kem_traits& traits : table) {
        if (traits.algorithm == alg) {
            return traits;
        }
    }
    die("choosing a KEM that does not exist");
}

kem_sizes sizes_of(kem_algorithm alg) noexcept {
    return traits_of(alg).sizes;
}

std::string_view name_of(kem_algorithm alg) noexcept {
    return traits_of(alg).name;
}

std::string_view oid_of(kem_algorithm alg) noexcept {
    return traits_of(alg).oid;
}

std::optional<kem_algorithm> kem_algorithm_from_id(uint16_t kem_id) noexcept {
    for (const kem_traits& traits : table) {
        if (static_cast<uint16_t>(traits.algorithm) == kem_id) {
            return traits.algorithm;
        }
    }
    return std::nullopt;
}

std::optional<kem_algorithm> kem_algorithm_from_oid(std::string_view oid) noexcept {
    for (const kem_traits& traits : table) {
        if (traits.oid == oid) {
            return traits.algorithm;
        }
    }
    return std::nullopt;
}

result<kem_public_key> kem_public_key::from_raw(kem_algorithm alg, bytes_view raw) {
    const kem_traits& traits = traits_of(alg);
    if (raw.size() != traits.sizes.public_key) {
        return fail(bad_public_key(traits, "it has " + std::to_string(raw.size()) + " octets instead of " +
                                               std::to_string(traits.sizes.public_key)));
    }
    // FIPS 203 7.2, modulus check: "test <- ByteEncode12(ByteDecode12(ek))"; libcrypto makes it on import.
    evp_pkey_ptr ml_kem = ml_kem_from_public(traits.ml_kem, raw.first(traits.sizes.ml_kem_public_key));
    if (!ml_kem) {
        return fail(bad_public_key(traits, "its ML-KEM part fails the modulus check of FIPS 203"));
    }
    ec_point_ptr point;
    if (traits.ec != nullptr) {
        point = traits.ec()->point_from(raw.subspan(traits.sizes.ml_kem_public_key));
        if (!point) {
            return fail(bad_public_key(traits, "its second part is not an uncompressed point of the curve"));
        }
    }
    return assemble(traits, to_bytes(raw), std::move(ml_kem), std::move(point));
}

result<kem_public_key> kem_public_key::from_spki(bytes_view der) {
    return kem_from_decoded_spki(der, nullptr);
}

result<kem_public_key> kem_from_decoded_spki(bytes_view der, EVP_PKEY* decoded) {
    const auto parts = read_spki(der);
    if (!parts) {
        return fail(error_category::peer, "bad_public_key", "The public key is not exactly one DER SubjectPublicKeyInfo.");
    }
    for (const kem_traits& traits : table) {
        if (!same_octets(parts->oid, oid_octets(traits.identifier))) {
            continue;
        }
        // RFC 9935 3: "The parameters field of the AlgorithmIdentifier for the ML-KEM public key MUST be
        // absent."
        if (!same_octets(parts->algorithm, traits.identifier)) {
            return fail(bad_public_key(traits, "its algorithm has parameters, and must not"));
        }
        if (decoded != nullptr && traits.ec == nullptr && EVP_PKEY_is_a(decoded, traits.ml_kem) == 1) {
            must(EVP_PKEY_up_ref(decoded), "sharing an ML-KEM key");
            return assemble(traits, to_bytes(parts->key), evp_pkey_ptr(decoded), nullptr);
        }
        return kem_public_key::from_raw(traits.algorithm, parts->key);
    }
    return fail(unsupported_key("not one of the KEMs mlkem768, mlkem1024, mlkem768_p256, mlkem1024_p384"));
}

kem_algorithm kem_public_key::algorithm() const noexcept {
    return impl_->traits->algorithm;
}

bytes_view kem_public_key::raw() const noexcept {
    return impl_->raw;
}

bytes_view kem_public_key::spki() const noexcept {
    return impl_->spki;
}

const std::array<uint8_t, 32>& kem_public_key::spki_sha256() const noexcept {
    return impl_->spki_sha256;
}

bool operator==(const kem_public_key& a, const kem_public_key& b) noexcept {
    return a.impl_->spki == b.impl_->spki;
}

kem_encapsulation kem_public_key::encapsulate(random_source& random) const {
    secret_bytes m(ml_kem_message_size);
    random.fill(m.writable());
    bn_ptr k;
    if (impl_->traits->ec != nullptr) {
        k = impl_->traits->ec()->draw_scalar(random);
    }
    return encapsulate_with(*impl_, m.reveal(), k.get());
}

kem_encapsulation encapsulate_with(const kem_public_key::impl& key, bytes_view m, const BIGNUM* k) {
    const kem_traits& traits = *key.traits;
    kem_encapsulation out{bytes(traits.sizes.encapsulation), secret_bytes(ml_kem_secret_size)};
    ml_kem_encapsulate(key.ml_kem.get(), m, std::span(out.enc).first(traits.sizes.ml_kem_encapsulation),
                       out.shared_secret.writable());
    if (traits.ec == nullptr) {
        return out;
    }
    const curve& ec = *traits.ec();
    const auto ephemeral = std::span(out.enc).subspan(traits.sizes.ml_kem_encapsulation);
    ec.write_point(ec.base_times(k).get(), ephemeral);
    const secret_bytes x = ec.shared_x(key.point.get(), k);
    out.shared_secret = combine_hybrid(traits.algorithm, out.shared_secret.reveal(), x.reveal(), ephemeral, key.point_octets());
    return out;
}

secret_bytes combine_hybrid(kem_algorithm alg, bytes_view ss_mlkem, bytes_view ecdh_x, bytes_view ephemeral_point,
                            bytes_view recipient_point) {
    // Profile section 1: SHA3-256( ss_MLKEM || x-coordinate of ECDH || ephemeral point || recipient point ||
    // label )
    hasher h(hash_algorithm::sha3_256);
    h.update(ss_mlkem).update(ecdh_x).update(ephemeral_point).update(recipient_point);
    h.update(as_bytes(traits_of(alg).label));
    digest combined = h.finish();
    secret_bytes out(combined.view());
    wipe({combined.data(), combined.size()});
    return out;
}

kem_private_key kem_private_key::generate(kem_algorithm alg, random_source& random) {
    const kem_traits& traits = traits_of(alg);
    secret_bytes seed(ml_kem_seed_size);
    random.fill(seed.writable());
    evp_pkey_ptr ml_kem = ml_kem_from_seed(traits.ml_kem, seed.reveal());
    bytes raw = ml_kem_public(ml_kem.get());
    bn_ptr scalar;
    ec_point_ptr point;
    if (traits.ec != nullptr) {
        scalar = traits.ec()->draw_scalar(random);
        point = traits.ec()->base_times(scalar.get());
        raw.resize(traits.sizes.public_key);
        traits.ec()->write_point(point.get(), std::span(raw).subspan(traits.sizes.ml_kem_public_key));
    }
    EVP_PKEY_up_ref(ml_kem.get());
    kem_public_key pub = assemble(traits, std::move(raw), evp_pkey_ptr(ml_kem.get()), std::move(point));
    return kem_private_key(std::make_shared<impl>(impl{std::move(pub), std::move(ml_kem), std::move(seed), std::move(scalar)}));
}

kem_algorithm kem_private_key::algorithm() const noexcept {
    return impl_->pub.algorithm();
}

const kem_public_key& kem_private_key::public_key() const noexcept {
    return impl_->pub;
}

result<secret_bytes> kem_private_key::decapsulate(bytes_view enc) const {
    const kem_traits& traits = *impl_->pub.get().traits;
    if (enc.size() != traits.sizes.encapsulation) {
        return fail(bad_encapsulation(traits, "it has " + std::to_string(enc.size()) + " octets instead of " +
                                                  std::to_string(traits.sizes.encapsulation)));
    }
    const bytes_view ephemeral = enc.subspan(traits.sizes.ml_kem_encapsulation);
    ec_point_ptr point;
    if (traits.ec != nullptr) {
        // Profile section 1: "A recipient MUST check that the point is on the curve and not infinity."
        point = traits.ec()->point_from(ephemeral);
        if (!point) {
            return fail(bad_encapsulation(traits, "its second part is not an uncompressed point of the curve"));
        }
    }
    secret_bytes secret(ml_kem_secret_size);
    ml_kem_decapsulate(impl_->ml_kem.get(), enc.first(traits.sizes.ml_kem_encapsulation), secret.writable());
    if (traits.ec == nullptr) {
        return secret;
    }
    const secret_bytes x = traits.ec()->shared_x(point.get(), impl_->scalar.get());
    return combine_hybrid(traits.algorithm, secret.reveal(), x.reveal(), ephemeral, impl_->pub.get().point_octets());
}

}  // namespace berth::crypto
