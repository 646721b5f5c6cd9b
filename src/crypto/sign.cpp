#include "crypto/sign.h"

#include "crypto/der_openssl.h"
#include "crypto/sign_impl_openssl.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>

namespace berth::crypto {

namespace {

const curve* p256_curve() {
    return &curve::p256();
}
const curve* p384_curve() {
    return &curve::p384();
}

constexpr std::array<signature_traits, 5> table{{
    {signature_algorithm::ecdsa_p256_sha256, "ecdsa_p256_sha256", algorithm_identifier::p256,
     algorithm_identifier::ecdsa_with_sha256, "EC", p256_curve, "SHA2-256", 65},
    {signature_algorithm::ecdsa_p384_sha384, "ecdsa_p384_sha384", algorithm_identifier::p384,
     algorithm_identifier::ecdsa_with_sha384, "EC", p384_curve, "SHA2-384", 97},
    {signature_algorithm::mldsa44, "mldsa44", algorithm_identifier::mldsa44, algorithm_identifier::mldsa44, "ML-DSA-44", nullptr,
     nullptr, 1312},
    {signature_algorithm::mldsa65, "mldsa65", algorithm_identifier::mldsa65, algorithm_identifier::mldsa65, "ML-DSA-65", nullptr,
     nullptr, 1952},
    {signature_algorithm::mldsa87, "mldsa87", algorithm_identifier::mldsa87, algorithm_identifier::mldsa87, "ML-DSA-87", nullptr,
     nullptr, 2592},
}};

error bad_public_key(const signature_traits& traits, std::string_view why) {
    return error{error_category::peer, "bad_public_key",
                 "The " + std::string(traits.name) + " public key is not valid: " + std::string(why) + "."}
        .with("algorithm", std::string(traits.name));
}

error bad_signature() {
    return {error_category::peer, "bad_signature",
            "A signature does not verify: what was signed was changed, or another key signed it."};
}

// Of octets that were found to be a key; libcrypto's, if it is there already.
verification_key assemble(const signature_traits& traits, bytes raw, evp_pkey_ptr key) {
    auto made = std::make_shared<verification_key::impl>();
    made->traits = &traits;
    made->spki = make_spki(traits.identifier, raw);
    made->spki_sha256 = to_array<32>(sha256(made->spki).view());
    made->raw = std::move(raw);
    made->made_key = std::move(key);
    return verification_key(std::move(made));
}

evp_pkey_ptr ec_key(const curve& ec, bytes_view point, const BIGNUM* scalar) {
    const evp_pkey_ctx_ptr context(must(EVP_PKEY_CTX_new_from_name(lib_context(), "EC", default_only), "making a key context"));
    must(EVP_PKEY_fromdata_init(context.get()), "starting to build a key");
    // libcrypto takes the private scalar in its native octet order, and through pointers that are not const.
    secret_bytes native(ec.field_size());
    std::array<OSSL_PARAM, 4> params{};
    size_t used = 0;
    params[used++] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>(ec.group_name()), 0);
    params[used++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<uint8_t*>(point.data()), point.size());
    if (scalar != nullptr) {
        if (BN_bn2nativepad(scalar, native.writable().data(), static_cast<int>(native.size())) < 0) {
            die("writing a scalar");
        }
        params[used++] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native.writable().data(), native.size());
    }
    params[used] = OSSL_PARAM_construct_end();
    EVP_PKEY* key = nullptr;
    const int selection = scalar != nullptr ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    if (EVP_PKEY_fromdata(context.get(), &key, selection, params.data()) != 1) {
        ERR_clear_error();
        return nullptr;
    }
    return evp_pkey_ptr(key);
}

evp_pkey_ptr ml_dsa_from_seed(const char* name, bytes_view seed) {
    const evp_pkey_ctx_ptr context(must(EVP_PKEY_CTX_new_from_name(lib_context(), name, default_only), "making a key context"));
    must(EVP_PKEY_keygen_init(context.get()), "starting an ML-DSA key generation");
    const std::array params{
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ML_DSA_SEED, const_cast<uint8_t*>(seed.data()), seed.size()),
        OSSL_PARAM_construct_end()};
    must(EVP_PKEY_CTX_set_params(context.get(), params.data()), "giving an ML-DSA seed");
    EVP_PKEY* key = nullptr;
    must(EVP_PKEY_generate(context.get(), &key), "expanding an ML-DSA seed");
    return evp_pkey_ptr(key);
}

bytes raw_public(const EVP_PKEY* key) {
    size_t size = 0;
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0, &size) != 1) {
        return {};
    }
    bytes out(size);
    must(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, out.data(), out.size(), &size), "reading a public key");
    return out;
}

const signature_traits* traits_for(const EVP_PKEY* key) {
    for (const signature_traits& traits : table) {
        if (EVP_PKEY_is_a(key, traits.evp) != 1) {
            continue;
        }
        if (traits.ec == nullptr) {
            return &traits;
        }
        std::array<char, 64> group{};
        if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1 &&
            std::string_view(group.data()) == traits.ec()->group_name()) {
            return &traits;
        }
    }
    return nullptr;
}

constexpr uint8_t tag_seed = 0x80;  // [0] IMPLICIT OCTET STRING (SIZE (32))
constexpr size_t ml_dsa_seed_size = 32;

}  // namespace

const signature_traits& traits_of(signature_algorithm alg) noexcept {
    for (const signature_traits& traits : table) {
        if (traits.algorithm == alg) {
            return traits;
        }
    }
    die("choosing a signature algorithm that does not exist");
}

std::string_view name_of(signature_algorithm alg) noexcept {
    return traits_of(alg).name;
}

std::optional<signature_algorithm> signature_algorithm_from_scheme(uint16_t scheme) noexcept {
    for (const signature_traits& traits : table) {
        if (static_cast<uint16_t>(traits.algorithm) == scheme) {
            return traits.algorithm;
        }
    }
    return std::nullopt;
}

result<verification_key> verification_key::from_raw(signature_algorithm alg, bytes_view raw) {
    const signature_traits& traits = traits_of(alg);
    if (raw.size() != traits.raw_size) {
        return fail(bad_public_key(traits, "it has " + std::to_string(raw.size()) + " octets instead of " +
                                               std::to_string(traits.raw_size)));
    }
    evp_pkey_ptr key;
    if (traits.ec == nullptr) {
        key.reset(EVP_PKEY_new_raw_public_key_ex(lib_context(), traits.evp, default_only, raw.data(), raw.size()));
    }
    if (traits.ec != nullptr ? !traits.ec()->point_from(raw) : !key) {
        ERR_clear_error();
        return fail(bad_public_key(traits, "its octets are not a key of this kind (points must be uncompressed)"));
    }
    return assemble(traits, to_bytes(raw), std::move(key));
}

result<verification_key> verification_key::from_spki(bytes_view der) {
    const auto parts = read_spki(der);
    if (!parts) {
        return fail(error_category::peer, "bad_public_key", "The public key is not exactly one DER SubjectPublicKeyInfo.");
    }
    const signature_traits* same_oid = nullptr;
    for (const signature_traits& traits : table) {
        if (same_octets(parts->algorithm, traits.identifier)) {
            return from_raw(traits.algorithm, parts->key);
        }
        if (same_octets(parts->oid, oid_octets(traits.identifier))) {
            same_oid = &traits;
        }
    }
    // RFC 9881 2: "The contents of the parameters component for each algorithm MUST be absent."
    if (same_oid != nullptr && same_oid->ec == nullptr) {
        return fail(bad_public_key(*same_oid, "its algorithm has parameters, and must not"));
    }
    return fail(unsupported_key(same_oid != nullptr ? "a curve other than P-256 and P-384" : "neither ECDSA nor ML-DSA"));
}

EVP_PKEY* verification_key::impl::key() const {
    std::call_once(key_once, [this] {
        if (!made_key) {
            made_key.reset(must(ec_key(*traits->ec(), raw, nullptr).release(), "building a key of a point that was accepted"));
        }
    });
    return made_key.get();
}

signature_algorithm verification_key::algorithm() const noexcept {
    return impl_->traits->algorithm;
}

bytes_view verification_key::spki() const noexcept {
    return impl_->spki;
}

const std::array<uint8_t, 32>& verification_key::spki_sha256() const noexcept {
    return impl_->spki_sha256;
}

bytes_view verification_key::raw() const noexcept {
    return impl_->raw;
}

bool operator==(const verification_key& a, const verification_key& b) noexcept {
    return a.impl_->spki == b.impl_->spki;
}

result<void> verification_key::verify(bytes_view message, bytes_view signature) const {
    const evp_md_ctx_ptr context(must(EVP_MD_CTX_new(), "making a verification context"));
    must(EVP_DigestVerifyInit_ex(context.get(), nullptr, impl_->traits->digest, lib_context(), default_only, impl_->key(),
                                 nullptr),
         "starting a verification");
    if (EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) != 1) {
        ERR_clear_error();
        return fail(bad_signature());
    }
    return {};
}

signing_key signing_key::generate(signature_algorithm alg, random_source& random) {
    const signature_traits& traits = traits_of(alg);
    if (traits.ec != nullptr) {
        const curve& ec = *traits.ec();
        const bn_ptr scalar = ec.draw_scalar(random);
        bytes point(ec.point_size());
        ec.write_point(ec.base_times(scalar.get()).get(), point);
        evp_pkey_ptr key(must(ec_key(ec, point, scalar.get()).release(), "building a private key"));
        return signing_key(
            std::make_shared<impl>(impl{assemble(traits, std::move(point), nullptr), std::move(key), std::nullopt}));
    }
    secret_bytes seed(ml_dsa_seed_size);
    random.fill(seed.writable());
    evp_pkey_ptr key = ml_dsa_from_seed(traits.evp, seed.reveal());
    EVP_PKEY_up_ref(key.get());
    verification_key pub = assemble(traits, raw_public(key.get()), evp_pkey_ptr(key.get()));
    return signing_key(std::make_shared<impl>(impl{std::move(pub), std::move(key), std::move(seed)}));
}

result<signing_key> signing_key_from_evp(evp_pkey_ptr key) {
    const signature_traits* traits = traits_for(key.get());
    if (traits == nullptr) {
        return fail(unsupported_key("neither ECDSA on P-256 or P-384 nor ML-DSA"));
    }
    BERTH_TRY(pub, verification_key::from_raw(traits->algorithm, raw_public(key.get())));
    const OSSL_PROVIDER* owner = EVP_PKEY_get0_provider(key.get());
    const bool in_chip = owner != nullptr && std::string_view(OSSL_PROVIDER_get0_name(owner)) != "default";
    return signing_key(
        std::make_shared<signing_key::impl>(signing_key::impl{std::move(pub), std::move(key), std::nullopt, in_chip}));
}

result<signing_key> signing_key::from_pkcs8(bytes_view der) {
    BERTH_TRY(parts, read_pkcs8(der));
    // Refuses what is inconsistent: RFC 9881 6, "both" whose parts do not match; a public point that is not
    // the scalar's.
    evp_pkey_ptr key(EVP_PKCS82PKEY_ex(parts.info.get(), lib_context(), default_only));
    if (!key) {
        const std::string why = openssl_errors();
        const bool known = std::any_of(table.begin(), table.end(), [&](const signature_traits& traits) {
            bytes_view oid = oid_octets(traits.identifier);
            const bytes tlv = der_tlv(0x06, {oid});
            const unsigned char* at = tlv.data();
            const asn1_object_ptr object(d2i_ASN1_OBJECT(nullptr, &at, static_cast<long>(tlv.size())));
            return dotted(object.get()) == parts.oid;
        });
        if (known) {
            return fail(bad_private_key("its parts do not form a valid key (" + why + ")"));
        }
        return fail(unsupported_key("private key with algorithm " + parts.oid + " instead of ECDSA or ML-DSA"));
    }
    const signature_traits* traits = traits_for(key.get());
    if (traits == nullptr) {
        return fail(unsupported_key("private key with algorithm " + parts.oid + " instead of ECDSA or ML-DSA"));
    }
    std::optional<secret_bytes> seed;
    if (traits->ec == nullptr) {
        seed.emplace(ml_dsa_seed_size);
        size_t size = 0;
        if (EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_ML_DSA_SEED, seed->writable().data(), seed->size(),
                                            &size) != 1) {
            ERR_clear_error();
            seed.reset();
        }
    } else {
        const evp_pkey_ctx_ptr check(
            must(EVP_PKEY_CTX_new_from_pkey(lib_context(), key.get(), default_only), "making a key context"));
        if (EVP_PKEY_pairwise_check(check.get()) != 1) {
            ERR_clear_error();
            return fail(bad_private_key("its public part does not belong to its private part"));
        }
    }
    auto pub = verification_key::from_raw(traits->algorithm, raw_public(key.get()));
    if (!pub) {
        return fail(bad_private_key("its public part is not valid"));
    }
    return signing_key(std::make_shared<impl>(impl{std::move(*pub), std::move(key), std::move(seed)}));
}

result<secret_bytes> signing_key::to_pkcs8() const {
    const signature_traits& traits = *impl_->pub.get().traits;
    if (impl_->in_chip) {
        return fail(error_category::usage, "key_not_exportable", "This private key is held by a chip and cannot leave it.");
    }
    if (traits.ec == nullptr) {
        if (!impl_->seed) {
            return fail(error_category::usage, "key_has_no_seed",
                        "This ML-DSA key came without its seed, and keys are only written as seeds: keep the file it "
                        "came from, or make a new key.");
        }
        return make_pkcs8(traits.identifier, secret_der_tlv(tag_seed, {impl_->seed->reveal()}).reveal());
    }
    const pkcs8_ptr info(must(EVP_PKEY2PKCS8(impl_->key.get()), "encoding a private key"));
    unsigned char* der = nullptr;
    const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), &der);
    if (size < 0) {
        die("encoding a private key");
    }
    secret_bytes out(bytes_view(der, static_cast<size_t>(size)));
    OPENSSL_clear_free(der, static_cast<size_t>(size));
    return out;
}

signature_algorithm signing_key::algorithm() const noexcept {
    return impl_->pub.algorithm();
}

const verification_key& signing_key::public_key() const noexcept {
    return impl_->pub;
}

result<bytes> signing_key::sign(bytes_view message) const {
    const evp_md_ctx_ptr context(must(EVP_MD_CTX_new(), "making a signature context"));
    size_t size = 0;
    bytes signature;
    // No properties: a key that a chip holds is used by the provider of that chip.
    bool ok = EVP_DigestSignInit_ex(context.get(), nullptr, impl_->pub.get().traits->digest, lib_context(), nullptr,
                                    impl_->key.get(), nullptr) == 1 &&
              EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) == 1;
    if (ok) {
        signature.resize(size);
        ok = EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1;
        signature.resize(size);
    }
    if (!ok) {
        return fail(error_category::environment, "signing_failed",
                    "The holder of a private key did not sign: " + openssl_errors() + ".");
    }
    return signature;
}

}  // namespace berth::crypto
